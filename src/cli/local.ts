import { MendableError } from '../kernel/mendable-error.ts';

/**
 * Imports a part of local mode. Local mode stands on packages that an image does not carry, so every import of it is made
 * when it is needed.
 * @throws {MendableError} where these packages are not installed
 */
export async function importLocal<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new MendableError(
      'DATABASE_URL is required here: neither the embedded database nor local mode is part of this installation',
    );
  }
}
