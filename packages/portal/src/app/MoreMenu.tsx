import { Menu } from '@base-ui/react/menu';
import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { text } from '../text.ts';
import { Icon } from '../ui/Icon.tsx';
import type { PageLink } from './pages.ts';

/** The pages for which a phone's bar has no room. */
export function MoreMenu({ pages }: { readonly pages: readonly PageLink[] }): ReactNode {
  const navigate = useNavigate();
  return (
    <Menu.Root>
      <Menu.Trigger className="nav-link">
        <Icon name="more" />
        {text.pages.more}
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner side="top" sideOffset={8} className="floating">
          <Menu.Popup className="menu">
            {pages.map(({ to, title, icon }) => (
              <Menu.Item key={to} className="menu-item" onClick={() => void navigate({ to })}>
                <Icon name={icon} />
                {title}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
