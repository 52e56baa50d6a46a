import { Migration } from '@mikro-orm/migrations';

/** Memberships that nobody has accepted yet, ids of memberships that say nothing of the person, and how many people are named a day. */
export class Invitations extends Migration {
  override name = '0008-invitations';

  override up(): void {
    // Made from the organization and the external id. Those of before keep the id that has the user's in it.
    this.addSql(`alter table membership add column invitee_id uuid`);
    // What the inviter named; an invitation lies under a made-up user's id. Whoever answered is named by id alone.
    this.addSql(`alter table membership add column external_id text`);
    this.addSql(`alter table membership drop constraint membership_status_known`);
    this.addSql(`alter table membership add constraint membership_status_known
      check (status in ('ACTIVE', 'SUSPENDED', 'INVITED'))`);
    this.addSql(`alter table membership add constraint membership_invited_by_name
      check ((status = 'INVITED') = (external_id is not null))`);

    this.addSql(`alter table user_organization add column invited boolean not null default false`);

    // One row for each who invites: how many people they have named since that midnight (UTC).
    this.addSql(`create table people_named (
      billing_entity_id uuid not null,
      day timestamptz(3) not null,
      named int not null,
      constraint people_named_pkey primary key (billing_entity_id),
      constraint people_named_positive check (named > 0)
    )`);
  }
}
