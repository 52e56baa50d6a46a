import pg from 'pg';

/**
 * The one way bigint and instants come out of PostgreSQL: int8 as bigint, never a rounded number. The driver's other
 * conversions stay as they are.
 */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 && format !== 'binary'
      ? BigInt
      : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};

export interface PoolOptions {
  readonly max: number;
  /** Called when an idle connection breaks; the pool has let it go already. */
  readonly onIdleError: (error: Error) => void;
}

/** Connections for reading. */
export function openReadPool(databaseUrl: string, options: PoolOptions): pg.Pool {
  return open(databaseUrl, options, { statement_timeout: 30_000 });
}

/**
 * Connections for ledger transactions. They pipeline, so that a transaction is two round trips; an acknowledged commit is
 * on disk, whatever the server's default; and nobody can hold an account's lock by dying slowly. Every statement of the
 * ledger has its index: a plan made while a table was empty must not go on reading all of it.
 */
export function openLedgerPool(databaseUrl: string, options: PoolOptions): pg.Pool {
  return open(databaseUrl, options, { ...LEDGER, options: LEDGER_OPTIONS });
}

/**
 * Connections for ledger transactions of one statement. Their plans are kept, and ask for rows in the order of the one index that
 * they are to be found by: since nothing is sorted, no plan takes another.
 */
export function openAheadPool(databaseUrl: string, options: PoolOptions): pg.Pool {
  return open(databaseUrl, options, { ...LEDGER, options: `${LEDGER_OPTIONS} -c enable_sort=off` });
}

const LEDGER: pg.PoolConfig = {
  pipeline: true,
  statement_timeout: 15_000,
  lock_timeout: 5_000,
  idle_in_transaction_session_timeout: 10_000,
  query_timeout: 20_000,
};
const LEDGER_OPTIONS = '-c synchronous_commit=on -c enable_seqscan=off';

/**
 * Connections for the queue of jobs, which reads bigint as text. A machine that vanishes is noticed within a minute, so
 * that others take its jobs over.
 */
export function openJobPool(databaseUrl: string, options: PoolOptions): pg.Pool {
  return open(databaseUrl, options, {
    types: pg.types,
    options: '-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3',
  });
}

/** Connections that hold advisory locks while something outside is asked: they wait for each other as long as it takes. */
export function openLockPool(databaseUrl: string, options: PoolOptions): pg.Pool {
  return open(databaseUrl, options, {});
}

function open(databaseUrl: string, { max, onIdleError }: PoolOptions, settings: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'tollgate',
    max,
    connectionTimeoutMillis: 3_000,
    keepAlive: true,
    types,
    ...settings,
  });
  pool.on('error', onIdleError);
  // A connection that breaks while somebody uses it fails their query; told to nobody besides, it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
