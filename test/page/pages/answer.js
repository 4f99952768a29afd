/* global document, location, URLSearchParams */
// The page of ai-service-page.test.ts: it asks, and shows an answer as far as it has come, and its end. The query says where the gateway is.
import { connectChat } from 'ws-bridge-client/chat';

const { url, token, session, answerTimeoutMs } = Object.fromEntries(new URLSearchParams(location.search));

document.body.innerHTML =
  '<button>Ask</button> <output id="state"></output> <output id="text"></output> <output id="end"></output>';
const show = (id, text) => {
  document.getElementById(id).textContent = text;
};

const client = connectChat({
  url,
  path: '/ws/ai/chat',
  session,
  token: () => token,
  answerTimeoutMs: answerTimeoutMs === undefined ? undefined : Number(answerTimeoutMs),
});
client.on('state', (state) => show('state', state));

document.querySelector('button').onclick = async () => {
  let text = '';
  try {
    for await (const word of client.ask('message', { text: 'word '.repeat(500) }))
      show('text', (text += word));
    show('end', 'complete');
  } catch (error) {
    show('end', error.code);
  }
};
