import { z } from 'zod';
import type { LogLevel } from '../kernel/log.ts';
import { type Limits, readLimits } from './limits.ts';
import { Reader } from './reader.ts';
import { readSignIn, type SignInConfig } from './sign-in.ts';
import {
  addressOf,
  commaSeparated,
  databaseAddress,
  type EncryptionKey,
  encryptionKeyList,
  flag,
  httpUrl,
  integerBetween,
  logLevel,
  type Mailbox,
  mailbox,
  organizationIds,
  originList,
} from './values.ts';

/**
 * The settings of a process. They come from the environment variables that docs/operations.md lists; those of `limits`
 * stand in limits.ts. An empty variable counts as absent.
 */
export interface Config {
  readonly mode: Mode;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The address under which the world knows this installation; null: the one that it listens on. */
  readonly publicUrl: URL | null;
  /** PostgreSQL; null: the embedded one, in `dataDir`. Holds a password: never logged. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  readonly redisUrl: string | null;
  readonly auth: AuthConfig;
  readonly signIn: SignInConfig;
  readonly organizations: OrganizationsConfig;
  readonly stripe: StripeConfig;
  /** Newest first. Empty in local mode unless given. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Origins whose pages may call the API from a browser, besides `publicUrl`'s. */
  readonly corsOrigins: readonly string[];
  /** Origins that Checkout and the portal may return to, besides `publicUrl`'s. */
  readonly returnOrigins: readonly string[];
  /** null: no e-mail is sent, as in production without a server that takes it. */
  readonly mail: MailConfig | null;
  /** `allowLoopback`: webhooks may be sent to this machine, by http too. */
  readonly webhooks: { readonly allowLoopback: boolean };
  /** Seeds demo data into an empty database. */
  readonly demo: boolean;
  /** The bearer that `/metrics` wants in production; null there: `/metrics` is closed. */
  readonly metricsToken: string | null;
  readonly logLevel: LogLevel;
  readonly limits: Limits;
  readonly ledger: {
    readonly lanes: number;
    readonly maxBatch: number;
    readonly maxQueued: number;
    readonly modelsPerDay: number;
  };
  readonly databasePoolSize: number;
  /** Reads of operations take turns at the database. */
  readonly reads: {
    readonly atOnce: number;
    readonly atOncePerCaller: number;
    readonly waitingPerCaller: number;
    readonly waiting: number;
  };
}

/** `npm start` is local and brings everything along; `npm run serve` is production and does not start without its settings. */
export type Mode = 'local' | 'production';

/**
 * At most one of `jwtSecret` and `jwksUrl` is set. Local mode may have neither: then it makes a secret and keeps it
 * (src/local/secrets.ts).
 */
export interface AuthConfig {
  readonly jwtSecret: string | null;
  readonly jwksUrl: URL | null;
  /** Verified when set. */
  readonly issuer: string | null;
  readonly audience: string | null;
  /** The claim that says which organizations a user administers, as a text or a list of texts; null: no claim says it. */
  readonly organizationClaim: string | null;
}

export interface OrganizationsConfig {
  /** `claimed`: a user may take an external id that their token names. `open`: any user may take an id that is free. */
  readonly ids: 'open' | 'claimed';
  readonly perOwner: number;
  readonly membersEach: number;
  readonly invitationsEach: number;
  readonly newPeopleADay: number;
}

export interface MailConfig {
  /** The server that takes mails. It may hold a password: never logged. null: local mode keeps them, to be looked at. */
  readonly smtpUrl: string | null;
  /** Whom mails are from. Its name is the installation's, in mails. */
  readonly from: Mailbox;
}

/** `secretKey` is null only in local mode, which then uses the emulator. */
export interface StripeConfig {
  readonly secretKey: string | null;
  readonly apiBase: URL | null;
  readonly webhookSecrets: readonly string[];
  readonly emulatorPort: number;
  /** Most overage credits a period of a payer without a payment method on file who is not invoiced. */
  readonly overageCapWithoutPaymentMethod: bigint;
  /** Checkout as this installation's seller wants it. */
  readonly checkout: {
    readonly automaticTax: boolean;
    readonly taxIds: boolean;
    readonly promotionCodes: boolean;
    readonly emailFromToken: boolean;
  };
}

/**
 * Reads and checks all variables at once.
 * @throws {ConfigError} naming every variable that is wrong or, in production, missing.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>, mode: Mode): Config {
  const reader = new Reader(env);
  const returnOrigins = reader.optional('RETURN_ORIGINS', originList) ?? [];
  const auth = readAuth(reader, mode);
  const stripe = readStripe(reader, mode);
  const encryptionKeys = reader.optional('ENCRYPTION_KEYS', encryptionKeyList) ?? [];
  const databaseUrl = reader.optional('DATABASE_URL', databaseAddress);
  const databasePoolSize = reader.number('DATABASE_POOL_SIZE', 10, 1, 1000);
  if (mode === 'production') {
    for (const name of ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET', 'ENCRYPTION_KEYS']) {
      reader.require(name);
    }
  }
  const config: Config = {
    mode,
    host: reader.optional('HOST', z.string()) ?? '127.0.0.1',
    port: reader.optional('PORT', integerBetween(0, 65_535)) ?? 4000,
    publicUrl: reader.optional('PUBLIC_URL', httpUrl),
    databaseUrl,
    dataDir: reader.optional('DATA_DIR', z.string()) ?? './.tollgate',
    redisUrl: reader.optional('REDIS_URL', addressOf(['redis:', 'rediss:'])),
    auth,
    signIn: readSignIn(reader, mode),
    organizations: {
      ids: reader.optional('ORGANIZATION_IDS', organizationIds) ?? (mode === 'local' ? 'open' : 'claimed'),
      perOwner: reader.number('ORGANIZATIONS_PER_OWNER', 100, 1, 1_000_000),
      membersEach: reader.number('MEMBERS_PER_ORGANIZATION', 10_000, 1, 10_000_000),
      invitationsEach: reader.number('INVITATIONS_PER_ORGANIZATION', 500, 1, 10_000_000),
      newPeopleADay: reader.number('NEW_PEOPLE_PER_DAY', 500, 1, 10_000_000),
    },
    stripe,
    encryptionKeys,
    // Frontends that payers come back to call the API as well, where nothing else is said.
    corsOrigins: reader.optional('CORS_ORIGINS', originList) ?? returnOrigins,
    returnOrigins,
    mail: readMail(reader, mode),
    webhooks: { allowLoopback: reader.optional('WEBHOOK_ALLOW_LOOPBACK', flag) ?? mode === 'local' },
    demo: reader.optional('DEMO', flag) ?? (mode === 'local' && databaseUrl === null),
    metricsToken: reader.optional('METRICS_TOKEN', z.string().min(16, 'must have at least 16 characters')),
    logLevel: reader.optional('LOG_LEVEL', logLevel) ?? 'info',
    limits: readLimits(reader),
    ledger: {
      lanes: reader.number('LEDGER_LANES', 2, 1, 64),
      maxBatch: reader.number('LEDGER_MAX_BATCH', 500, 1, 10_000),
      maxQueued: reader.number('LEDGER_MAX_QUEUED', 20_000, 1, 1_000_000),
      modelsPerDay: reader.number('MODELS_PER_DAY', 50, 1, 10_000),
    },
    databasePoolSize,
    reads: {
      // One connection in five is left to commands: two of the usual ten.
      atOnce: reader.number('READS_AT_ONCE', Math.max(1, Math.floor(databasePoolSize * 0.8)), 1, 1000),
      atOncePerCaller: reader.number('READS_PER_CALLER', Math.max(1, Math.floor(databasePoolSize * 0.4)), 1, 1000),
      waitingPerCaller: reader.number('READS_WAITING_PER_CALLER', 2_000, 1, 1_000_000),
      waiting: reader.number('READS_WAITING', 20_000, 1, 1_000_000),
    },
  };
  reader.throwMistakes();
  return config;
}

/** The address under which the world knows an installation that listens on `port`. It ends in a slash, so that paths resolve below it. */
export function publicUrlOf({ publicUrl, host }: Pick<Config, 'publicUrl' | 'host'>, port: number): URL {
  if (publicUrl !== null) return new URL(`${publicUrl.origin}${publicUrl.pathname.replace(/\/*$/, '/')}`);
  const name = ['0.0.0.0', '::', '127.0.0.1'].includes(host) ? 'localhost' : host;
  return new URL(`http://${name.includes(':') ? `[${name}]` : name}:${port}/`);
}

function readAuth(reader: Reader, mode: Mode): AuthConfig {
  const secretBytes = z.string().refine((secret) => Buffer.byteLength(secret) >= 32, 'must have at least 32 bytes');
  const jwtSecret = reader.optional('AUTH_JWT_SECRET', secretBytes);
  const jwksUrl = reader.optional('AUTH_JWKS_URL', httpUrl);
  if (reader.has('AUTH_JWT_SECRET') && reader.has('AUTH_JWKS_URL')) {
    reader.mistake(
      'AUTH_JWKS_URL',
      'must not be set together with AUTH_JWT_SECRET: tokens are verified by one of them',
    );
  }
  if (mode === 'production' && !reader.has('AUTH_JWT_SECRET') && !reader.has('AUTH_JWKS_URL')) {
    reader.mistake('AUTH_JWT_SECRET', 'or AUTH_JWKS_URL is required in production');
  }
  // The keys of an identity provider sign the tokens of all its applications; the audience says which are for this one.
  if (mode === 'production' && jwksUrl !== null && jwtSecret === null && !reader.has('AUTH_AUDIENCE')) {
    reader.mistake('AUTH_AUDIENCE', 'is required with AUTH_JWKS_URL: its keys sign for other applications too');
  }
  return {
    jwtSecret,
    jwksUrl,
    issuer: reader.optional('AUTH_ISSUER', z.string()),
    audience: reader.optional('AUTH_AUDIENCE', z.string()),
    organizationClaim: reader.optional('AUTH_ORGANIZATION_CLAIM', z.string()),
  };
}

function readMail(reader: Reader, mode: Mode): MailConfig | null {
  const smtpUrl = reader.optional('SMTP_URL', addressOf(['smtp:', 'smtps:']));
  const from = reader.optional('MAIL_FROM', mailbox);
  if (reader.has('SMTP_URL') && !reader.has('MAIL_FROM')) reader.mistake('MAIL_FROM', 'is required with SMTP_URL');
  if (smtpUrl === null && mode === 'production') return null;
  return { smtpUrl, from: from ?? { name: 'Tollgate', address: 'tollgate@localhost' } };
}

function readStripe(reader: Reader, mode: Mode): StripeConfig {
  const secretKey = reader.optional('STRIPE_SECRET_KEY', z.string());
  const webhookSecrets = reader.optional('STRIPE_WEBHOOK_SECRET', commaSeparated) ?? [];
  if (mode === 'local' && secretKey !== null && !reader.has('STRIPE_WEBHOOK_SECRET')) {
    reader.mistake('STRIPE_WEBHOOK_SECRET', 'is required when STRIPE_SECRET_KEY is set');
  }
  return {
    secretKey,
    apiBase: reader.optional('STRIPE_API_BASE', httpUrl),
    webhookSecrets,
    emulatorPort: reader.number('STRIPE_EMULATOR_PORT', 4242, 0, 65_535),
    overageCapWithoutPaymentMethod: BigInt(
      reader.number('OVERAGE_CAP_WITHOUT_PAYMENT_METHOD', 0, 0, Number.MAX_SAFE_INTEGER),
    ),
    checkout: {
      automaticTax: reader.optional('CHECKOUT_AUTOMATIC_TAX', flag) ?? false,
      taxIds: reader.optional('CHECKOUT_TAX_IDS', flag) ?? false,
      promotionCodes: reader.optional('CHECKOUT_PROMOTION_CODES', flag) ?? false,
      emailFromToken: reader.optional('CHECKOUT_EMAIL_FROM_TOKEN', flag) ?? false,
    },
  };
}
