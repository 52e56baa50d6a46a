import { z } from 'zod';

/** The settings of the emulator's process, which come from variables of its own. */
export interface Settings {
  /** 0: any free one. */
  readonly port: number;
  readonly publicUrl: string | null;
  /** The file that keeps everything. Null: nothing is kept. */
  readonly stateFile: string | null;
  readonly endpoints: readonly { url: string; secret: string; thin: boolean }[];
}

/** A setting is wrong, or this is no place for an emulator. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const port = z.coerce.number().int().min(0).max(65_535);

/**
 * | variable | default | meaning |
 * |---|---|---|
 * | STRIPE_EMULATOR_PORT | 4242 | where it listens; 0: any free port, told on the line that it prints |
 * | STRIPE_EMULATOR_URL | as it listens | how browsers reach it |
 * | STRIPE_EMULATOR_STATE | | a file that keeps everything over restarts |
 * | STRIPE_EMULATOR_WEBHOOKS | `http://127.0.0.1:PORT/webhooks/stripe` | where events go; `none`: nowhere. Thin ones go to `/thin` below |
 * | STRIPE_WEBHOOK_SECRET | `whsec_emulator` | the first of them signs |
 * | PORT | 4000 | the application's |
 *
 * It refuses NODE_ENV=production, because nobody's production may take an emulator for Stripe. `npm start`, the local
 * mode, sets NODE_ENV=production all the same, to make libraries fast; it says so by TOLLGATE_MODE=local.
 */
export function loadSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  if (env['NODE_ENV'] === 'production' && env['TOLLGATE_MODE'] !== 'local') {
    throw new SettingsError('The Stripe emulator does not start where NODE_ENV is production.');
  }
  const own = read(env, 'STRIPE_EMULATOR_PORT', 4242);
  const application = read(env, 'PORT', 4000);
  const [secret = 'whsec_emulator'] = (given(env, 'STRIPE_WEBHOOK_SECRET') ?? 'whsec_emulator').split(',');
  const webhooks = given(env, 'STRIPE_EMULATOR_WEBHOOKS') ?? `http://127.0.0.1:${application}/webhooks/stripe`;
  return {
    port: own,
    publicUrl: given(env, 'STRIPE_EMULATOR_URL'),
    stateFile: given(env, 'STRIPE_EMULATOR_STATE'),
    endpoints:
      webhooks === 'none'
        ? []
        : [
            { url: webhooks, secret: secret.trim(), thin: false },
            { url: `${webhooks}/thin`, secret: secret.trim(), thin: true },
          ],
  };
}

/** The empty text counts as absent. */
function given(env: Readonly<Record<string, string | undefined>>, name: string): string | null {
  const text = env[name]?.trim();
  return text === undefined || text === '' ? null : text;
}

function read(env: Readonly<Record<string, string | undefined>>, name: string, fallback: number): number {
  const text = given(env, name);
  if (text === null) return fallback;
  const parsed = port.safeParse(text);
  if (!parsed.success) throw new SettingsError(`${name} must be a whole number from 0 to 65535`);
  return parsed.data;
}
