/** Clients who use credits and look at the alerts of it: two servers of one installation, over HTTP and sockets. */
import { Events } from './live-client.ts';
import { CONSUME, tokensFor } from './organizations.ts';
import { SET_PREFERENCES } from './raised-alerts.ts';
import type { TwoServers } from './two-servers.ts';
import { waitFor } from './wait-for.ts';

/** The fields of an alert that clients ask for. */
export const ALERT_FIELDS =
  'id billingEntityId type level remaining message usedRatio available member { id externalId name } createdAt acknowledgedAt';
/** A page of an entity's alerts, newest first. */
export const LIST_ALERTS = `query ($id: ID!, $first: Int! = 100, $after: String) { billingEntity(id: $id) {
  alerts(first: $first, after: $after) { edges { cursor node { ${ALERT_FIELDS} } } pageInfo { hasNextPage endCursor } } } }`;
const WATCH = `subscription ($id: ID!) { alertRaised(billingEntityId: $id) { ${ALERT_FIELDS} } }`;

/** An alert as it is printed. */
export interface Alert {
  readonly id: string;
  readonly type: string;
  readonly level: number | null;
  readonly remaining: number | null;
  readonly message: string;
  readonly usedRatio: number;
  readonly available: number;
  readonly member: { readonly externalId: string } | null;
  readonly acknowledgedAt: string | null;
}

/** An answer to {@link LIST_ALERTS}. */
export interface Listed {
  readonly alerts: {
    readonly edges: readonly { readonly node: Alert }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  } | null;
}

/** Types and thresholds, one text for each. */
export const inShort = (alerts: readonly Alert[] | null): readonly string[] | undefined =>
  alerts?.map(({ type, level, remaining }) =>
    [type, ...(level === null ? [] : [level]), ...(remaining === null ? [] : [`<${remaining}`])].join(' '),
  );

/** Uses credits and reads alerts on both servers. */
export class AlertClients {
  readonly #servers: TwoServers;

  constructor(servers: TwoServers) {
    this.#servers = servers;
  }

  /** All alerts of an entity, oldest first. */
  async alertsOf(id: string, token = this.#servers.clients.operator): Promise<readonly Alert[] | null> {
    const { alerts } = await this.#servers.ask<Listed>(token, LIST_ALERTS, { id });
    return alerts && alerts.edges.map(({ node }) => node).toReversed();
  }

  /** Uses credits one by one, 64 at a time, on both servers. */
  async useOneByOne(userExternalId: string, credits: number): Promise<void> {
    const rest = Array.from({ length: credits }).values();
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        for (const _ of rest) await this.useAtOnce(userExternalId, 1);
      }),
    );
  }

  /** Uses credits at once. @returns the reason of a refusal */
  useAtOnce(userExternalId: string, credits: number, organizationExternalId?: string): Promise<{ reason?: string }> {
    const { ask, clients } = this.#servers;
    const input = {
      ...{ idempotencyKey: clients.next(), userExternalId, lines: tokensFor(credits) },
      ...(organizationExternalId !== undefined && { organizationExternalId }),
    };
    return ask(clients.service, CONSUME, { input });
  }

  /** Sets preferences. @returns those that hold */
  setPreferences(
    token: string,
    billingEntityId: string,
    preferences: object,
    more: object = {},
  ): Promise<readonly object[]> {
    return this.#servers.ask(token, SET_PREFERENCES, { input: { billingEntityId, preferences, ...more } });
  }

  /** Watches an entity's alerts on both servers, from now on. */
  async watch(token: string, id: string): Promise<readonly Events<Alert>[]> {
    const { one, two } = this.#servers;
    const before = [one, two].map(({ services }) => services.alertStreams.listening);
    const streams = this.#servers.sockets(token).map((socket) => new Events<Alert>(socket, WATCH, { id }));
    for (const [at, { services }] of [one, two].entries()) {
      await waitFor(
        () => services.alertStreams.listening === (before[at] as number) + 1,
        'a stream that misses nothing',
      );
    }
    return streams;
  }
}
