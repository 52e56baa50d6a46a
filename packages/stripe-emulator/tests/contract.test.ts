import { routes } from '../src/api.ts';
import { type Bench, startBench } from './support/bench.ts';
import { tourOfTheApi } from './support/tour.ts';
import { CONTRACT_TIMEOUT_MS, contractViolations, objectViolations, unknownParameters } from './support/contract.ts';

describe("the emulator and the SDK's own declarations", () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
    await tourOfTheApi(bench);
    // Whoever is first to ask reads the declarations.
    contractViolations([]);
  }, CONTRACT_TIMEOUT_MS);

  afterAll(() => bench.emulator.stop());

  test('the tour goes by every call', () => {
    const visited = bench.emulator.traffic.filter(({ status }) => status < 400);
    const missed = routes
      .filter(({ method, path }) => {
        const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+')}$`);
        return !visited.some((each) => each.method === method && pattern.test(each.path));
      })
      .map(({ method, path }) => `${method} ${path}`);
    expect(missed).toEqual([]);
  });

  test('every call and every answer is as declared', () => {
    expect(contractViolations(bench.emulator.traffic)).toEqual([]);
  });

  test('what events carry is as declared', async () => {
    const events = await bench.stripe.events.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 });
    // The one object that no call answers with.
    const objects = events.map((event) => event.data.object).filter(({ object }) => !object.endsWith('_summary'));
    expect([...new Set(objects.flatMap((each) => objectViolations(JSON.parse(JSON.stringify(each)))))]).toEqual([]);
  });

  test.each(routes.map(({ method, path, fields }) => ({ method, path, fields })))(
    '$method $path accepts nothing that the SDK does not have',
    (route) => {
      expect(unknownParameters(route)).toEqual([]);
    },
  );

  test('differences are found', () => {
    const [exchange] = bench.emulator.traffic.filter(
      ({ path, method }) => path === '/v1/customers' && method === 'POST',
    );
    if (exchange === undefined) throw new Error('the tour made no customer');
    const answer = exchange.answer as Record<string, unknown>;
    expect(
      contractViolations([
        { ...exchange, parameters: { emial: 'a@example.com', tax_exempt: 'perhaps' } },
        { ...exchange, answer: { ...answer, balance: '0', livemode: null, surprise: 1 } },
        { ...exchange, answer: { id: 'cus_1', object: 'customer' } },
      ]),
    ).toEqual(
      expect.arrayContaining([
        'CustomerResource.create takes CustomerCreateParams.emial: unknown',
        expect.stringContaining('CustomerCreateParams.tax_exempt: "perhaps" is no'),
        expect.stringContaining('Customer.balance: "0" is no'),
        'CustomerResource.create gives Customer.livemode: null',
        'CustomerResource.create gives Customer.surprise: unknown',
        'CustomerResource.create gives Customer.invoice_settings: missing',
      ]),
    );
  });
});
