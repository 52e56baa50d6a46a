import { z } from 'zod';
import type { LogLevel } from './kernel/log.ts';
import type { Principal } from './billing-entities/principal.ts';

/**
 * What the process is told from outside. The only file that reads environment variables, and only through its
 * argument. An empty string counts as absent. Besides the variables of the README these bound the edges:
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | DOCUMENT_BYTES | 65536 | size of one GraphQL document, UTF-8 |
 * | DOCUMENT_TOKENS | 4000 | lexical tokens of one document |
 * | DOCUMENT_DEPTH | 15 | nesting of fields, fragments included, introspection not counted |
 * | DOCUMENT_ALIASES | 100 | aliases, fragments expanded |
 * | DOCUMENT_ROOT_FIELDS | 50 | top-level fields of one operation |
 * | DOCUMENT_FIELDS | 1000 | fields in all, fragments expanded |
 * | DOCUMENT_DIRECTIVES | 50 | directives, fragments expanded |
 * | OPERATION_COST | 10000 | objects that one operation may ask for, page sizes multiplied |
 * | DOCUMENT_CACHE_ENTRIES, DOCUMENT_CACHE_BYTES | 1000, 2097152 | checked documents that are remembered |
 * | BODY_BYTES | 8388608 | body of one HTTP request |
 * | ANONYMOUS_BODY_BYTES | 65536 | body of one GraphQL request that bears no token |
 * | FRAME_BYTES | 4900000 | one WebSocket message: the largest batch fits, 5 MB does not |
 * | SOCKETS | 10000 | admitted sockets of this process |
 * | SOCKETS_USER, SOCKETS_API_KEY | 50, 200 | admitted sockets of one subject, of one key; 0: no limit |
 * | SOCKETS_SERVICE, SOCKETS_OPERATOR | 0, 0 | the same, per subject |
 * | SOCKETS_UNADMITTED, SOCKETS_UNADMITTED_PEER | 500, 50 | sockets that wait to be admitted, in all and of one address |
 * | SOCKET_MESSAGES | 100 | pings and other messages of one socket that are no operations, within the window of the rate limits |
 * | SOCKET_SUBSCRIPTIONS | 100 | subscriptions of one socket |
 * | SOCKET_OPERATIONS | 256 | queries and mutations of one socket at one time |
 * | SOCKET_BUFFER_BYTES | 8388608 | bytes a slow reader may leave unread before its socket is closed |
 * | SOCKET_INIT_TIMEOUT_MS | 5000 | how long a socket may wait with its connection_init |
 * | SOCKET_PING_MS | 30000 | how often a socket's peer must show that it lives |
 * | HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS | 10000, 30000 | how long a client may take to send headers, a whole request |
 * | EXPORT_STREAMS | 4 | exported files that are sent at one time |
 * | EXPORT_STREAMS_PRINCIPAL | 2 | of them, files of links that one principal made |
 * | EXPORT_STALL_MS, EXPORT_LEAST_BYTES | 60000, 16384 | a client that takes fewer bytes a second, over this time, of a file that waits for it is cut off |
 * | WRITE_STALL_MS | 30000 | how long a client may leave what it was sent unread before its connection is cut |
 * | UNREAD_BYTES_PRINCIPAL, UNREAD_BYTES_ANONYMOUS | 33554432, 8388608 | bytes of answers that a principal, all strangers of an address, may leave unread |
 * | UNREAD_BYTES | 268435456 | bytes of answers that all together may leave unread |
 * | KEEP_ALIVE_MS | 65000 | how long an idle connection is kept |
 * | DRAIN_TIMEOUT_MS | 10000 | how long work in flight may take after the order to stop |
 * | RATE_LIMIT_WINDOW_SECONDS | 10 | the window that the next five count operations in, a batch by its items; 0 operations: no limit |
 * | RATE_LIMIT_USER, RATE_LIMIT_API_KEY, RATE_LIMIT_ANONYMOUS | 3000, 10000, 300 | per subject, key, address |
 * | RATE_LIMIT_REFUSED | 300 | tokens and keys of one address that are refused within that window before it is not listened to |
 * | RATE_LIMIT_SERVICE, RATE_LIMIT_OPERATOR | 0, 0 | per subject |
 * | ORGANIZATIONS_PER_OWNER | 100 | organizations that one user may own by what users do |
 * | MEMBERS_PER_ORGANIZATION | 10000 | members and invitations of one organization, as its administrators may have |
 * | INVITATIONS_PER_ORGANIZATION | 500 | of those, invitations that nobody has answered |
 * | NEW_PEOPLE_PER_DAY | 500 | invitations that one user may send between two midnights (UTC) |
 * | LEDGER_LANES, LEDGER_MAX_BATCH, LEDGER_MAX_QUEUED | 2, 500, 20000 | batches in flight, commands in one, commands waiting in a lane |
 * | DATABASE_POOL_SIZE | 10 | connections for everything but the ledger's lanes |
 * | READS_AT_ONCE, READS_PER_CALLER | 8, 4 (of a pool of 10) | reads of operations at one time, in all and of one caller; commands have the rest |
 * | READS_WAITING_PER_CALLER, READS_WAITING | 2000, 20000 | reads that wait, of one caller and in all |
 */
export interface Config {
  readonly mode: Mode;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** How the world names this installation; null: as it listens. */
  readonly publicUrl: URL | null;
  /** PostgreSQL; null: the embedded one, in `dataDir`. Holds a password: never logged. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  readonly redisUrl: string | null;
  readonly auth: AuthConfig;
  readonly organizations: OrganizationsConfig;
  readonly stripe: StripeConfig;
  /** Newest first. Empty in local mode unless given. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Origins that Checkout and the portal may return to, besides `publicUrl`'s; browsers on them may call the API. */
  readonly returnOrigins: readonly string[];
  readonly smtpUrl: string | null;
  readonly mailFrom: string | null;
  /** Seeds demo data into an empty database. */
  readonly demo: boolean;
  /** The bearer that `/metrics` wants in production; null there: `/metrics` is closed. */
  readonly metricsToken: string | null;
  readonly logLevel: LogLevel;
  readonly limits: Limits;
  readonly ledger: { readonly lanes: number; readonly maxBatch: number; readonly maxQueued: number };
  readonly databasePoolSize: number;
  /** Turns of operations at the database. */
  readonly reads: {
    readonly atOnce: number;
    readonly atOncePerCaller: number;
    readonly waitingPerCaller: number;
    readonly waiting: number;
  };
}

/** `npm start` is local and brings everything along; `npm run serve` is production and refuses to guess. */
export type Mode = 'local' | 'production';

/** At most one of `jwtSecret` and `jwksUrl` is set; neither in local mode: make a secret and keep it. */
export interface AuthConfig {
  readonly jwtSecret: string | null;
  readonly jwksUrl: URL | null;
  /** Verified when set. */
  readonly issuer: string | null;
  readonly audience: string | null;
  /** Name of the claim that says which organizations a user administers: a text or a list of texts; null: none says it. */
  readonly organizationClaim: string | null;
}

export interface OrganizationsConfig {
  /** Whose external ids are: `claimed`, a user's whose token names them; `open`, whose user names them first. */
  readonly ids: 'open' | 'claimed';
  readonly perOwner: number;
  readonly membersEach: number;
  readonly invitationsEach: number;
  readonly newPeopleADay: number;
}

/** null and empty in local mode: the emulator. */
export interface StripeConfig {
  readonly secretKey: string | null;
  readonly apiBase: URL | null;
  readonly webhookSecrets: readonly string[];
  readonly emulatorPort: number;
}

export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

/** Bounds of what one client may ask for; the table above names their variables. */
export interface Limits {
  readonly documentBytes: number;
  readonly documentTokens: number;
  readonly documentDepth: number;
  readonly documentAliases: number;
  readonly documentRootFields: number;
  readonly documentFields: number;
  readonly documentDirectives: number;
  readonly operationCost: number;
  readonly documentCacheEntries: number;
  readonly documentCacheBytes: number;
  readonly bodyBytes: number;
  readonly anonymousBodyBytes: number;
  readonly frameBytes: number;
  readonly sockets: number;
  readonly socketsOfPrincipal: Readonly<Record<Principal['kind'], number>>;
  readonly socketsUnadmitted: number;
  readonly socketsUnadmittedPeer: number;
  readonly socketMessages: number;
  readonly socketSubscriptions: number;
  readonly socketOperations: number;
  readonly socketBufferBytes: number;
  readonly socketInitTimeoutMs: number;
  readonly socketPingMs: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly exportStreams: number;
  readonly exportStreamsPrincipal: number;
  readonly exportStallMs: number;
  /** A second. */
  readonly exportLeastBytes: number;
  readonly writeStallMs: number;
  readonly unreadBytes: { readonly principal: number; readonly anonymous: number; readonly all: number };
  readonly keepAliveMs: number;
  readonly drainTimeoutMs: number;
  readonly rateLimits: RateLimits;
}

/** Operations that one principal may start within a window; 0: as many as they like. */
export interface RateLimits {
  readonly windowSeconds: number;
  readonly user: number;
  readonly apiKey: number;
  readonly anonymous: number;
  readonly service: number;
  readonly operator: number;
  /** Refused tokens and keys of one address. */
  readonly refused: number;
}

/** Some variables are wrong. `mistakes` has one line for each, naming the variable and never its value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/**
 * Reads and checks everything at once.
 * @throws {ConfigError} naming every variable that is wrong or, in production, missing.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>, mode: Mode): Config {
  const reader = new Reader(env);
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
    organizations: {
      ids: reader.optional('ORGANIZATION_IDS', organizationIds) ?? (mode === 'local' ? 'open' : 'claimed'),
      perOwner: reader.number('ORGANIZATIONS_PER_OWNER', 100, 1, 1_000_000),
      membersEach: reader.number('MEMBERS_PER_ORGANIZATION', 10_000, 1, 10_000_000),
      invitationsEach: reader.number('INVITATIONS_PER_ORGANIZATION', 500, 1, 10_000_000),
      newPeopleADay: reader.number('NEW_PEOPLE_PER_DAY', 500, 1, 10_000_000),
    },
    stripe,
    encryptionKeys,
    returnOrigins: reader.optional('RETURN_ORIGINS', originList) ?? [],
    smtpUrl: reader.optional('SMTP_URL', addressOf(['smtp:', 'smtps:'])),
    mailFrom: reader.optional('MAIL_FROM', z.string()),
    demo: reader.optional('DEMO', flag) ?? (mode === 'local' && databaseUrl === null),
    metricsToken: reader.optional('METRICS_TOKEN', z.string().min(16, 'must have at least 16 characters')),
    logLevel: reader.optional('LOG_LEVEL', logLevel) ?? 'info',
    limits: readLimits(reader),
    ledger: {
      lanes: reader.number('LEDGER_LANES', 2, 1, 64),
      maxBatch: reader.number('LEDGER_MAX_BATCH', 500, 1, 10_000),
      maxQueued: reader.number('LEDGER_MAX_QUEUED', 20_000, 1, 1_000_000),
    },
    databasePoolSize,
    reads: {
      // Of the usual pool two are left to commands; of whatever pool, one in five.
      atOnce: reader.number('READS_AT_ONCE', Math.max(1, Math.floor(databasePoolSize * 0.8)), 1, 1000),
      atOncePerCaller: reader.number('READS_PER_CALLER', Math.max(1, Math.floor(databasePoolSize * 0.4)), 1, 1000),
      waitingPerCaller: reader.number('READS_WAITING_PER_CALLER', 2_000, 1, 1_000_000),
      waiting: reader.number('READS_WAITING', 20_000, 1, 1_000_000),
    },
  };
  reader.throwMistakes();
  return config;
}

/** How the world names this installation, which listens on `port`. Ends in a slash, so that addresses below it can be resolved. */
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
  };
}

function readLimits(reader: Reader): Limits {
  const megabytes = 1024 * 1024;
  return {
    documentBytes: reader.number('DOCUMENT_BYTES', 65_536, 1024, 16 * megabytes),
    documentTokens: reader.number('DOCUMENT_TOKENS', 4000, 100, 1_000_000),
    documentDepth: reader.number('DOCUMENT_DEPTH', 15, 5, 100),
    documentAliases: reader.number('DOCUMENT_ALIASES', 100, 1, 10_000),
    documentRootFields: reader.number('DOCUMENT_ROOT_FIELDS', 50, 1, 10_000),
    documentFields: reader.number('DOCUMENT_FIELDS', 1000, 10, 100_000),
    documentDirectives: reader.number('DOCUMENT_DIRECTIVES', 50, 1, 10_000),
    operationCost: reader.number('OPERATION_COST', 10_000, 100, 100_000_000),
    documentCacheEntries: reader.number('DOCUMENT_CACHE_ENTRIES', 1000, 1, 1_000_000),
    documentCacheBytes: reader.number('DOCUMENT_CACHE_BYTES', 2 * megabytes, 65_536, 1024 * megabytes),
    bodyBytes: reader.number('BODY_BYTES', 8 * megabytes, 1024, 1024 * megabytes),
    anonymousBodyBytes: reader.number('ANONYMOUS_BODY_BYTES', 65_536, 1024, 1024 * megabytes),
    frameBytes: reader.number('FRAME_BYTES', 4_900_000, 1024, 1024 * megabytes),
    sockets: reader.number('SOCKETS', 10_000, 1, 1_000_000),
    socketsOfPrincipal: {
      USER: reader.number('SOCKETS_USER', 50, 0, 1_000_000),
      API_KEY: reader.number('SOCKETS_API_KEY', 200, 0, 1_000_000),
      SERVICE: reader.number('SOCKETS_SERVICE', 0, 0, 1_000_000),
      OPERATOR: reader.number('SOCKETS_OPERATOR', 0, 0, 1_000_000),
    },
    socketsUnadmitted: reader.number('SOCKETS_UNADMITTED', 500, 1, 1_000_000),
    socketsUnadmittedPeer: reader.number('SOCKETS_UNADMITTED_PEER', 50, 1, 1_000_000),
    socketMessages: reader.number('SOCKET_MESSAGES', 100, 1, 1_000_000),
    socketSubscriptions: reader.number('SOCKET_SUBSCRIPTIONS', 100, 1, 100_000),
    socketOperations: reader.number('SOCKET_OPERATIONS', 256, 1, 100_000),
    socketBufferBytes: reader.number('SOCKET_BUFFER_BYTES', 8 * megabytes, 65_536, 1024 * megabytes),
    socketInitTimeoutMs: reader.number('SOCKET_INIT_TIMEOUT_MS', 5000, 10, 600_000),
    socketPingMs: reader.number('SOCKET_PING_MS', 30_000, 10, 3_600_000),
    headersTimeoutMs: reader.number('HEADERS_TIMEOUT_MS', 10_000, 100, 600_000),
    requestTimeoutMs: reader.number('REQUEST_TIMEOUT_MS', 30_000, 100, 3_600_000),
    exportStreams: reader.number('EXPORT_STREAMS', 4, 1, 1000),
    exportStreamsPrincipal: reader.number('EXPORT_STREAMS_PRINCIPAL', 2, 1, 1000),
    exportStallMs: reader.number('EXPORT_STALL_MS', 60_000, 100, 3_600_000),
    exportLeastBytes: reader.number('EXPORT_LEAST_BYTES', 16_384, 1, 1024 * megabytes),
    writeStallMs: reader.number('WRITE_STALL_MS', 30_000, 100, 3_600_000),
    unreadBytes: {
      principal: reader.number('UNREAD_BYTES_PRINCIPAL', 32 * megabytes, 65_536, 16_384 * megabytes),
      anonymous: reader.number('UNREAD_BYTES_ANONYMOUS', 8 * megabytes, 65_536, 16_384 * megabytes),
      all: reader.number('UNREAD_BYTES', 256 * megabytes, 65_536, 65_536 * megabytes),
    },
    keepAliveMs: reader.number('KEEP_ALIVE_MS', 65_000, 100, 3_600_000),
    drainTimeoutMs: reader.number('DRAIN_TIMEOUT_MS', 10_000, 0, 600_000),
    rateLimits: {
      windowSeconds: reader.number('RATE_LIMIT_WINDOW_SECONDS', 10, 1, 86_400),
      user: reader.number('RATE_LIMIT_USER', 3000, 0, 1_000_000_000),
      apiKey: reader.number('RATE_LIMIT_API_KEY', 10_000, 0, 1_000_000_000),
      anonymous: reader.number('RATE_LIMIT_ANONYMOUS', 300, 0, 1_000_000_000),
      service: reader.number('RATE_LIMIT_SERVICE', 0, 0, 1_000_000_000),
      operator: reader.number('RATE_LIMIT_OPERATOR', 0, 0, 1_000_000_000),
      refused: reader.number('RATE_LIMIT_REFUSED', 300, 0, 1_000_000_000),
    },
  };
}

/** Gathers mistakes instead of stopping at the first, so that a user mends them all in one go. */
class Reader {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #mistakes = new Map<string, string>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  has(name: string): boolean {
    return this.#text(name) !== undefined;
  }

  optional<T>(name: string, type: z.ZodType<T, string>): T | null {
    const text = this.#text(name);
    if (text === undefined) return null;
    const parsed = type.safeParse(text);
    if (parsed.success) return parsed.data;
    this.mistake(name, parsed.error.issues[0]?.message ?? 'is not valid');
    return null;
  }

  number(name: string, fallback: number, least: number, most: number): number {
    return this.optional(name, integerBetween(least, most)) ?? fallback;
  }

  require(name: string): void {
    if (!this.has(name)) this.mistake(name, 'is required in production');
  }

  /** One line per variable: the first mistake found in it. */
  mistake(name: string, what: string): void {
    if (!this.#mistakes.has(name)) this.#mistakes.set(name, `${name} ${what}`);
  }

  throwMistakes(): void {
    if (this.#mistakes.size > 0) throw new ConfigError([...this.#mistakes.values()]);
  }

  #text(name: string): string | undefined {
    const text = this.#env[name]?.trim();
    return text === '' ? undefined : text;
  }
}

function integerBetween(least: number, most: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= least && value <= most, message);
}

function addressOf(protocols: readonly string[]): z.ZodType<string, string> {
  const message = `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return z.string().refine((text) => protocols.includes(URL.parse(text)?.protocol ?? ''), message);
}

const databaseAddress = addressOf(['postgres:', 'postgresql:']);

const httpUrl = addressOf(['http:', 'https:']).transform((text) => new URL(text));

const flag = z.enum(['0', '1', 'true', 'false'], 'must be 1 or 0').transform((text) => text === '1' || text === 'true');

const organizationIds = z.enum(['open', 'claimed'], 'must be open or claimed');

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const logLevel = z
  .string()
  .refine(
    (text): text is LogLevel => (logLevels as readonly string[]).includes(text),
    `must be one of ${logLevels.join(', ')}`,
  );

const commaSeparated = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine((parts) => parts.every((part) => part !== ''), 'must be a comma-separated list without empty parts');

const originList = commaSeparated
  .refine(
    (origins) =>
      origins.every((text) => ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '') && isBareOrigin(text)),
    'must be comma-separated origins such as https://app.example.com, without paths',
  )
  .transform((origins) => origins.map((text) => new URL(text).origin));

function isBareOrigin(text: string): boolean {
  const url = new URL(text);
  return url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
}

const encryptionKeyList = z.string().transform((text, check): readonly EncryptionKey[] => {
  const keys: EncryptionKey[] = [];
  for (const part of text.split(',')) {
    const [, id, base64] = /^\s*([\w.-]{1,64}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(part) ?? [];
    const key = Buffer.from(base64 ?? '', 'base64');
    if (id === undefined || key.length !== 32) {
      check.addIssue({ code: 'custom', message: 'must be id:base64,id:base64 …, each key 32 bytes long' });
      return z.NEVER;
    }
    if (keys.some((other) => other.id === id)) {
      check.addIssue({ code: 'custom', message: 'must not name the same id twice' });
      return z.NEVER;
    }
    keys.push({ id, key });
  }
  return keys;
});
