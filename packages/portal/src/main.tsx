import './tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';
import './styles/data.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { createApiClient, leave } from './api/client.ts';
import { followSystemTheme } from './ui/preferences.ts';
import { createAppRouter } from './app/router.tsx';
import { readSession, type Session } from './api/session.ts';
import { Unreachable } from './app/Unreachable.tsx';
import { createSocket } from './live/socket.ts';

followSystemTheme();
const place = document.getElementById('root');
if (place !== null) {
  const session = await readSession().catch(() => null);
  if (session?.signedIn === false) leave();
  else createRoot(place).render(<StrictMode>{session === null ? <Unreachable /> : portalOf(session)}</StrictMode>);
}

function portalOf(session: Extract<Session, { signedIn: true }>) {
  return (
    <App
      api={createApiClient()}
      router={createAppRouter(session)}
      parts={{ session, socket: createSocket(location) }}
    />
  );
}
