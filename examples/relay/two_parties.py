"""Alice and Bob behind one relay.

Each logs in to the relay over TLS and gets a URI there, which stands first in the path of the SDP.
Neither listens: both are connected to the relay, and all that they say goes through it. The two
SDP texts would travel in SIP messages.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msrp
import site_relay


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site_relay.make_ca(folder)
        async with site_relay.relay(folder, "localhost", "office") as uri, asyncio.timeout(60):
            await talk(uri, msrp.TLSConfig(ca=folder / "ca.pem"))


async def talk(uri: str, tls: msrp.TLSConfig) -> None:
    """A message each way."""

    def login(user: str) -> msrp.RelayLogin:
        return msrp.RelayLogin(uri, user, site_relay.PASSWORDS[user], tls=tls)

    async with (
        msrp.Engine() as engine,
        engine.session(relays=[login("alice")]) as alice,
        engine.session(relays=[login("bob")]) as bob,
    ):
        # Before there is anything to offer or answer: the path begins with the relay's URI.
        await asyncio.gather(alice.authenticate(), bob.authenticate())
        alice.set_remote(bob.create_answer(alice.create_offer()))
        await asyncio.gather(alice.open(), bob.open())
        print("hops on the way to Alice:", len(alice.local_path))

        for sender, receiver, text in (
            (alice, bob, "Hello, Bob"),
            (bob, alice, "Hello, Alice"),
        ):
            transfer = await sender.send(text, success_report=True)
            print(await (await receiver.recv()).text())
            # The report has come back through the relay, too.
            await transfer.delivered(timeout=30)


if __name__ == "__main__":
    asyncio.run(main())
