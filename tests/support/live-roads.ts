import { redisProgram } from './redis-server.ts';

/** Runs the same claims on both roads of live events. Where no Redis is installed, its half is reported as skipped. */
export function describeRoads<Road>(
  title: string,
  roads: { readonly PostgreSQL: Road; readonly Redis: Road },
  claims: (road: Road) => void,
): void {
  describe(`${title} PostgreSQL`, () => {
    claims(roads.PostgreSQL);
  });
  const describeRedis = redisProgram === null ? describe.skip : describe;
  describeRedis(`${title} Redis`, () => {
    claims(roads.Redis);
  });
}
