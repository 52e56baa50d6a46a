/**
 * The server's settings, as command-line arguments: they hold for one start and never go stale in a file. Modest ones,
 * for two cores that the application and its database share.
 */
export function serverSettings(options: { port: number; clusterName: string; durable: boolean }): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    // No socket file: nothing in /tmp, and no path that could be longer than the 107 bytes a socket address holds.
    unix_socket_directories: '',
    cluster_name: options.clusterName,
    max_connections: '100',
    password_encryption: 'scram-sha-256',

    shared_buffers: '256MB',
    effective_cache_size: '1GB',
    work_mem: '8MB',
    maintenance_work_mem: '64MB',
    random_page_cost: '1.1',
    // Short statements: compiling them costs more than running them.
    jit: 'off',

    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    min_wal_size: '256MB',
    max_wal_size: '2GB',
    checkpoint_timeout: '15min',

    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    log_checkpoints: 'off',
  };
  // For tests: the data need not outlive the machine, only the process.
  if (!options.durable) Object.assign(settings, { fsync: 'off', full_page_writes: 'off', max_wal_size: '1GB' });
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
