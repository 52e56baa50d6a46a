import { getRouteApi } from '@tanstack/react-router';
import { type ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useData } from '../../api/data.ts';
import { OrganizationDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Shown } from '../../ui/Shown.tsx';
import { Organization } from './Organization.tsx';

const route = getRouteApi('/members');

/** Who belongs to the organization, on what terms, and who pays for what they use. */
export function MembersPage(): ReactNode {
  const { account } = useCurrent();
  const { search = '' } = route.useSearch();
  const isOrganization = account.type === 'ORGANIZATION';
  const asked = useData(OrganizationDocument, { id: account.id }, { pause: !isOrganization });
  if (!isOrganization) {
    return (
      <Empty title={text.members.notAnOrganization}>
        <p>{text.members.notAnOrganizationHint}</p>
      </Empty>
    );
  }
  return (
    <Shown of={asked} height={560}>
      {({ billingEntity }) =>
        billingEntity === null ? (
          <Empty title={text.errors.noAccount} />
        ) : (
          <Organization
            visibility={billingEntity.visibility ?? 'PRIVATE'}
            pool={billingEntity.credits}
            search={search}
            again={'again' in asked ? asked.again : undefined}
          />
        )
      }
    </Shown>
  );
}
