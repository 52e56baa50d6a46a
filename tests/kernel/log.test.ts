import { createLog } from '../../src/kernel/log.ts';

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = [];
  write(createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } }));
  return lines.join('');
}

describe('logs', () => {
  it('strike out fields that hold secrets, however deep', () => {
    const text = logged((log) =>
      log.info(
        {
          headers: { authorization: 'Bearer hunter2' },
          list: [{ apiKey: 'hunter2', stripe: { webhookSecrets: ['hunter2'] } }],
          port: 4000,
        },
        'started',
      ),
    );
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text)).toMatchObject({ level: 'info', port: 4000, msg: 'started' });
  });

  it('strike out secrets inside texts: messages, stacks, causes and addresses', () => {
    const cause = new Error('cannot reach postgres://tollgate:hunter2@db:5432/x');
    const error = new Error('refused Bearer hunter2.hunter2.hunter2', { cause });
    const text = logged((log) => {
      log.error(
        { err: error, at: new URL('redis://:hunter2@cache') },
        'key tg_hunter2hunter2 and sk_live_hunter2 failed, token=hunter2',
      );
      log.error(error);
      log.error({ url: 'https://user:hunter2@example.com/' });
      log.error('the token was eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2 and %s', 'Bearer hunter2');
    });
    expect(text).not.toContain('hunter2');
    expect(text).toContain('cannot reach postgres://');
  });

  it('keep counts of tokens, which give nothing away', () => {
    expect(logged((log) => log.info({ documentTokens: 12 }))).toContain('"documentTokens":12');
  });
});
