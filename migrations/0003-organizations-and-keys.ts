import { Migration } from '@mikro-orm/migrations';

const NOBODY = "'00000000-0000-0000-0000-000000000000'";

/** Organizations, their members, API keys and what administrators did; use told apart by organization and key, and limited by them. */
export class OrganizationsAndKeys extends Migration {
  override name = '0003-organizations-and-keys';

  override up(): void {
    this.addSql(`alter table billing_entity add column visibility text`);
    this.addSql(`alter table billing_entity add constraint billing_entity_organizations_are_visible
      check ((type = 'ORGANIZATION') = (visibility is not null))`);
    this.addSql(`alter table billing_entity add constraint billing_entity_visibility_known
      check (visibility in ('PRIVATE', 'PUBLIC'))`);

    // A membership belongs to its organization; the user is named by id.
    this.addSql(`create table membership (
      billing_entity_id uuid not null,
      user_id uuid not null,
      role text not null,
      status text not null,
      credit_limit bigint,
      joined_at timestamptz(3) not null,
      constraint membership_pkey primary key (billing_entity_id, user_id),
      constraint membership_role_known check (role in ('OWNER', 'ADMIN', 'BILLING', 'MEMBER')),
      constraint membership_status_known check (status in ('ACTIVE', 'SUSPENDED')),
      constraint membership_credit_limit_not_negative check (credit_limit >= 0)
    )`);
    // The user's side of it: which organizations to look into. Lists across entities take two queries.
    this.addSql(`create table user_organization (
      billing_entity_id uuid not null,
      organization_id uuid not null,
      constraint user_organization_pkey primary key (billing_entity_id, organization_id)
    )`);

    this.addSql(`create table api_key (
      billing_entity_id uuid not null,
      id uuid not null,
      name text not null,
      type text not null,
      provider text not null,
      billing_mode text not null,
      hint text not null,
      secret_hash bytea,
      former_secret_hash bytea,
      former_secret_until timestamptz(3),
      key_encryption_key text,
      wrapped_data_key bytea,
      ciphertext bytea,
      credit_limit bigint,
      created_by text not null,
      created_at timestamptz(3) not null,
      last_used_at timestamptz(3),
      expires_at timestamptz(3),
      revoked_at timestamptz(3),
      constraint api_key_pkey primary key (billing_entity_id, id),
      constraint api_key_type_known check (type in ('PLATFORM', 'CUSTOM')),
      constraint api_key_billing_mode_known check (billing_mode in ('FULL', 'COMPUTE_ONLY')),
      constraint api_key_platform_is_full check (type = 'CUSTOM' or billing_mode = 'FULL'),
      constraint api_key_platform_is_hashed check ((type = 'PLATFORM') = (secret_hash is not null)),
      constraint api_key_former_pair check ((former_secret_hash is null) = (former_secret_until is null)),
      constraint api_key_custom_is_encrypted
        check ((type = 'CUSTOM') = (ciphertext is not null) and (ciphertext is null) = (wrapped_data_key is null)
          and (ciphertext is null) = (key_encryption_key is null)),
      constraint api_key_credit_limit_not_negative check (credit_limit >= 0)
    )`);

    // Kept as json, not jsonb: the database never looks into it.
    this.addSql(`create table audit_log_entry (
      billing_entity_id uuid not null,
      id uuid not null,
      actor text not null,
      action text not null,
      subject text not null,
      before json,
      after json,
      reason text,
      created_at timestamptz(3) not null,
      constraint audit_log_entry_pkey primary key (billing_entity_id, id)
    )`);
    this.addSql(`set local citus.enable_unsafe_triggers = on`);
    this.addSql(`create trigger audit_log_entry_append_only before update or delete on audit_log_entry
      for each row execute function refuse_rewriting_history()`);
    this.addSql(`revoke update, delete, truncate on audit_log_entry from current_user`);

    // What was charged in the account's current period, and what is held, by one member, with one key, in one organization.
    // Every row follows from records and holds; half of each page stays free, as for the account itself.
    this.addSql(`create table use_counter (
      billing_entity_id uuid not null,
      scope text not null,
      subject_id uuid not null,
      period_start timestamptz(3) not null,
      used bigint not null,
      held bigint not null,
      constraint use_counter_pkey primary key (billing_entity_id, scope, subject_id),
      constraint use_counter_scope_known check (scope in ('MEMBER', 'API_KEY', 'ORGANIZATION')),
      constraint use_counter_not_negative check (used >= 0 and held >= 0)
    ) with (fillfactor = 50)`);

    for (const table of ['usage_record', 'reservation']) {
      this.addSql(`alter table ${table}
        add column organization_id uuid,
        add column api_key_entity_id uuid,
        add column api_key_id uuid`);
      this.addSql(`alter table ${table} add constraint ${table}_api_key_pair
        check ((api_key_entity_id is null) = (api_key_id is null))`);
    }
    // A public organization's history lies in its users' accounts.
    this.addSql(`create index usage_record_by_organization
      on usage_record (organization_id, occurred_at, billing_entity_id, sequence, line)
      where organization_id <> billing_entity_id`);
    this.addSql(`create index usage_record_by_api_key
      on usage_record (billing_entity_id, api_key_id, occurred_at, sequence, line) where api_key_id is not null`);

    for (const [table, start] of [
      ['usage_rollup', 'hour'],
      ['usage_rollup_day', 'day'],
    ] as const) {
      this.addSql(`alter table ${table}
        add column organization_id uuid not null default ${NOBODY},
        add column api_key_entity_id uuid not null default ${NOBODY},
        add column api_key_id uuid not null default ${NOBODY}`);
      this.addSql(`alter table ${table} drop constraint ${table}_pkey`);
      this.addSql(`alter table ${table} add constraint ${table}_pkey primary key
        (billing_entity_id, ${start}, user_id, api_key_entity_id, api_key_id, resource, billing_mode, feature, organization_id)`);
      this.addSql(`create index ${table}_by_organization on ${table} (organization_id, ${start})
        where organization_id not in (billing_entity_id, ${NOBODY})`);
    }

    // Where transferred credits went is in their entries; noted on grants besides, it would grow with every recipient.
    this.addSql(`create index ledger_entry_transfers on ledger_entry (billing_entity_id, grant_id)
      where counterparty_id is not null`);
    // A page of a kind that is seldom would otherwise read through all the use between; of use itself there is no entry here.
    this.addSql(
      `create index ledger_entry_by_kind on ledger_entry (billing_entity_id, kind, sequence) where kind <> 'CONSUMPTION'`,
    );
    this.addSql(`alter table credit_grant drop column passed_to`);
    // The checksums of grants covered that column. What was written before has none from now on.
    this.addSql(`alter table ledger_entry disable trigger ledger_entry_append_only`);
    this.addSql(`grant update on ledger_entry to current_user`);
    this.addSql(`update ledger_entry set checksum = null`);
    this.addSql(`revoke update on ledger_entry from current_user`);
    this.addSql(`alter table ledger_entry enable trigger ledger_entry_append_only`);
    this.addSql(`update credit_grant set checksum = null`);
    this.addSql(`update credit_account set sealed_from = sequence + 1, checksum = null`);
  }
}
