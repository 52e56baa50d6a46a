import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { permissionsDocument } from '../billing-entities/permissions-document.ts';
import { buildTollgateSchema } from '../graphql/schema.ts';
import type { Invocation } from './command.ts';

export interface EmitSchemaOptions {
  /** Writes nothing, and says which file is stale. */
  readonly check: boolean;
  /** The directory above the files. */
  readonly into: string;
}

/** Writes the files that are made of the code. */
export async function emitSchema({
  options: { check, into },
  output,
}: Pick<Invocation<EmitSchemaOptions>, 'options' | 'output'>): Promise<number> {
  const emitted = {
    'schema/schema.graphql': `${printSchema(lexicographicSortSchema(await buildTollgateSchema()))}\n`,
    'docs/permissions.md': permissionsDocument(),
  };
  let stale = 0;
  for (const [name, text] of Object.entries(emitted)) {
    const file = join(into, name);
    if (!check) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    } else if ((await readFile(file, 'utf8').catch(() => null)) !== text) {
      stale += 1;
      output.complain(`${name} is stale: npm run schema writes it anew`);
    }
  }
  return stale === 0 ? 0 : 1;
}
