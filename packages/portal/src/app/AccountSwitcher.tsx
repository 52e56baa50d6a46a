import { Menu } from '@base-ui/react/menu';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { text } from '../text.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { Icon } from '../ui/Icon.tsx';
import { accountsOf, useCurrent } from '../account/current.tsx';
import { AccountSearch } from './AccountSearch.tsx';

/** Switches between one's own account, one's organizations and, for operators, any other. */
export function AccountSwitcher(): ReactNode {
  const { account, viewer, isOperator } = useCurrent();
  const [isSearching, setSearching] = useState(false);
  const navigate = useNavigate();
  const own = viewer.user?.id;
  return (
    <>
      <Menu.Root>
        <Menu.Trigger className="switcher" aria-label={text.account.switch(account.name)}>
          <span className="switcher-name">{account.name}</span>
          <Icon name="updown" />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner align="start" sideOffset={4} className="floating">
            <Menu.Popup className="menu">
              {accountsOf(viewer).map(({ id, name }) => (
                <Menu.Item
                  key={id}
                  className="menu-item"
                  onClick={() => void navigate({ to: '.', search: { account: id === own ? undefined : id } })}
                >
                  {name}
                  <span className="hint">{id === own ? text.account.own : text.account.organization}</span>
                  {id === account.id && <Icon name="check" />}
                </Menu.Item>
              ))}
              {isOperator && (
                <Menu.Item className="menu-item" onClick={() => setSearching(true)}>
                  {text.account.search}
                </Menu.Item>
              )}
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <Dialog title={text.account.search} isOpen={isSearching} onClose={() => setSearching(false)}>
        <AccountSearch onChoose={() => setSearching(false)} />
      </Dialog>
    </>
  );
}
