import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Mutation, Resolver, Root, Subscription } from 'type-graphql';
import { messageOf } from '../../alerts/alert-text.ts';
import type { RaisedAlert } from '../../alerts/raised-alert.ts';
import { actorOf, requirePrincipal } from '../../billing-entities/access.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import { parseAlertId } from '../../kernel/public-ids.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { aListOf } from '../execution/price.ts';
import { nullUnless, onlyMember, requireAllowed, requireWatchable } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { PageArgs, pageKeyOf } from '../types/page.args.ts';
import {
  Alert,
  AlertConnection,
  AlertPreference,
  SetAlertPreferencesInput,
  toAlertPreference,
  toDomainPreference,
} from './alert.type.ts';

/** Preferences that are usual: the eight types, and some thresholds more. */
const preferences = aListOf(12);

@Resolver(() => Alert)
export class AlertResolver {
  @FieldResolver(() => String, {
    description:
      'What happened, in a sentence or two for people, in English. Programs read the other fields: its words may change.',
  })
  async message(@Root() alert: RaisedAlert, @Ctx() context: RequestContext): Promise<string> {
    const member = alert.memberId === null ? null : await partyOf(alert.memberId, context);
    return messageOf(alert, member?.name ?? null);
  }

  @FieldResolver(() => Party, { nullable: true, description: 'MEMBER_LIMIT: whose limit it is; null otherwise.' })
  member(@Root() { memberId }: RaisedAlert, @Ctx() context: RequestContext): Promise<Party> | null {
    return memberId === null ? null : partyOf(memberId, context);
  }

  @Extensions({ price: preferences })
  @Mutation(() => [AlertPreference], {
    description:
      'Replaces the entity’s preferences, and its addresses where they are named; answers the preferences with the defaults of what they leave open. A threshold that is passed already waits until it is left. BAD_USER_INPUT: what is wrong, and nothing is changed. RATE_LIMITED: too many new addresses in a day. The user, OWNER, ADMIN and BILLING.',
  })
  async setAlertPreferences(
    @Arg('input', () => SetAlertPreferencesInput, { description: 'The entity, its preferences and its addresses.' })
    input: SetAlertPreferencesInput,
    @Ctx() context: RequestContext,
  ): Promise<AlertPreference[]> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'alertPreferences.set');
    const set = await context.services.alertPreferences.set({
      billingEntityId,
      preferences: input.preferences.map(toDomainPreference),
      emails: input.emails ?? null,
      principal: requirePrincipal(context.principal),
    });
    return set.map((each) => toAlertPreference(billingEntityId, each));
  }

  @Mutation(() => Alert, {
    description:
      'Acknowledges an alert, for everybody who reads it. Again: the first time stays. NOT_FOUND, FORBIDDEN. The user, OWNER, ADMIN and BILLING.',
  })
  async acknowledgeAlert(
    @Arg('id', () => ID, { description: 'The alert’s id.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<RaisedAlert> {
    const principal = requirePrincipal(context.principal);
    const ref = parseAlertId(id);
    await requireAllowed(context, ref.billingEntityId, 'alerts.acknowledge');
    return context.services.alerts.acknowledge(ref, actorOf(principal));
  }

  // An alert looks the same to everybody who may see it: it is executed and serialised once for all subscribers.
  @Extensions({ sameForAll: true })
  @Subscription(() => Alert, {
    description:
      'Alerts as they are raised, in order, where IN_APP is among their channels. Those that were raised before are in `alerts`: subscribe first, then read them. A plain member hears the MEMBER_LIMIT ones about themselves.',
    async subscribe(request) {
      const { entity, context } = await requireWatchable(request, {
        needs: 'alerts.read',
        widenedBy: 'alerts.readAll',
      });
      const onlyMemberId = await onlyMember(context, entity, 'alerts.readAll');
      return context.services.alertStreams.watch(entity.billingEntityId, { onlyMemberId });
    },
  })
  alertRaised(
    @Root() alert: RaisedAlert,
    @Arg('billingEntityId', () => ID, { description: 'The billing entity to watch.' }) _billingEntityId: string,
  ): RaisedAlert {
    return alert;
  }
}

@Resolver(() => BillingEntity)
export class AlertsOfEntityResolver {
  @Extensions({ price: preferences })
  @FieldResolver(() => [AlertPreference], {
    nullable: true,
    description:
      'What it wants to hear of, and where: as it was set, followed by the defaults of what that leaves open. null: the caller may not read it.',
  })
  alertPreferences(@Root() entity: Row, @Ctx() context: RequestContext): Promise<AlertPreference[] | null> {
    return nullUnless(context, { entity, operation: 'alertPreferences.read' }, async () => {
      const { billingEntityId } = entity;
      const list = await context.loaders.alertPreferences.load(billingEntityId);
      return list.map((each) => toAlertPreference(billingEntityId, each));
    });
  }

  @FieldResolver(() => AlertConnection, {
    nullable: true,
    description:
      'Everything that was raised, newest first, whatever its channels. A plain member sees the MEMBER_LIMIT ones about themselves. null: the caller may not read it.',
  })
  alerts(
    @Root() entity: Row,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<RaisedAlert> | null> {
    return nullUnless(context, { entity, operation: 'alerts.read' }, async () => {
      const onlyMemberId = await onlyMember(context, entity, 'alerts.readAll');
      return context.loaders.pages.alerts.load(pageKeyOf(entity, args, { onlyMemberId }));
    });
  }
}
