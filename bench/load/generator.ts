import type { Channel } from './channel.ts';
import { generate } from './generate.ts';
import { openHttpChannel } from './http-channel.ts';
import { createOperation } from './operations.ts';
import type { GeneratorMessage, LoadSpec } from './spec.ts';
import { openSqlChannel } from './sql-channel.ts';
import { openWebSocketChannels } from './websocket-channels.ts';

// The generator is a process of its own, so that what it costs is never counted as the server's.
process.once('message', (spec: LoadSpec) => {
  void run(spec);
});

async function run(spec: LoadSpec): Promise<void> {
  try {
    const channels = await openChannels(spec);
    // Left open until the parent goes: it still reads the clocks of the processes at their other ends.
    process.once('disconnect', () => {
      for (const channel of new Set(channels)) channel.close();
    });
    const result = await generate(channels, createOperation(spec.operation), spec, {
      measuring: () => tell({ type: 'measuring' }),
      measured: () => tell({ type: 'measured' }),
    });
    tell({ type: 'result', result });
  } catch (error) {
    tell({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }
}

async function openChannels({ transport, concurrency }: LoadSpec): Promise<Channel[]> {
  if (transport.kind === 'websocket') return openWebSocketChannels(transport, concurrency);
  const open = (): Promise<Channel> =>
    transport.kind === 'http' ? openHttpChannel(transport) : openSqlChannel(transport);
  return Promise.all(Array.from({ length: concurrency }, open));
}

function tell(message: GeneratorMessage): void {
  process.send?.(message);
}
