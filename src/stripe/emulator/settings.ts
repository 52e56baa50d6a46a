import { z } from 'zod';

/** What the emulator's process is told from outside. Its own variables; src/config.ts belongs to the application's process. */
export interface Settings {
  /** 0: any free one. */
  readonly port: number;
  readonly publicUrl: string | null;
  /** Where everything is kept; null: nowhere. */
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
  const [secret = 'whsec_emulator'] = (env['STRIPE_WEBHOOK_SECRET'] ?? 'whsec_emulator').split(',');
  const webhooks = env['STRIPE_EMULATOR_WEBHOOKS'] || `http://127.0.0.1:${application}/webhooks/stripe`;
  return {
    port: own,
    publicUrl: env['STRIPE_EMULATOR_URL'] || null,
    stateFile: env['STRIPE_EMULATOR_STATE'] || null,
    endpoints:
      webhooks === 'none'
        ? []
        : [
            { url: webhooks, secret: secret.trim(), thin: false },
            { url: `${webhooks}/thin`, secret: secret.trim(), thin: true },
          ],
  };
}

function read(env: Readonly<Record<string, string | undefined>>, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const parsed = port.safeParse(text);
  if (!parsed.success) throw new SettingsError(`${name} must be a whole number from 0 to 65535`);
  return parsed.data;
}
