/** What became of the rights that open subscriptions and sockets rest on. */
import { may } from '../../billing-entities/authorization.ts';
import type { ApiKeyPrincipal, Principal } from '../../billing-entities/principal.ts';
import type { DomainServices } from '../../services.ts';
import { relationTo, suspensionOf } from './authorization.ts';
import type { RequestContext, Watched } from './context.ts';
import { Loaders } from './loaders.ts';

/** An open subscription, and whose it is. */
export interface Watch extends Watched {
  readonly principal: Principal;
}

export interface Rights {
  /** Those of these that have lost a right that they were opened with, or were suspended, since then. */
  endedAmong(watches: readonly Watch[]): Promise<ReadonlySet<Watch>>;
  /** Those of these bearers whose keys are still good. */
  goodAmong(bearers: readonly ApiKeyPrincipal[]): Promise<ReadonlySet<ApiKeyPrincipal>>;
}

/** Rights as they are now. However many are asked for at once, they share their loaders, and so a few statements. */
export function createRights(services: DomainServices): Rights {
  return {
    async endedAmong(watches) {
      const loaders = new Loaders(services);
      const checked = await Promise.all(
        watches.map(async (watch) => ({
          watch,
          ended: await hasEnded({ loaders, principal: watch.principal }, watch),
        })),
      );
      return new Set(checked.filter(({ ended }) => ended).map(({ watch }) => watch));
    },
    goodAmong: (bearers) => services.keyAuthentication.stillGood(bearers),
  };
}

async function hasEnded(
  context: Pick<RequestContext, 'principal' | 'loaders'>,
  { billingEntityId, rights, suspendedSince }: Watch,
): Promise<boolean> {
  const entity = await context.loaders.entity.load(billingEntityId);
  if (entity === null) return true;
  const relation = await relationTo(context, entity);
  if (!rights.every((right) => may(relation, right))) return true;
  const now = await suspensionOf(context, entity);
  return now !== null && now !== suspendedSince;
}
