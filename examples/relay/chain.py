"""Alice behind a chain of two relays, Bob with no relay at all.

The inner relay is that of Alice's company, the outer one stands at its border. Alice logs in to
the inner one, and through it to the outer one, with a password for each. Her path names both; Bob
sends to the outer relay, and never sees the inner one's address on the network. Between the relays
there is TLS with certificates on both sides.
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
        async with (
            site_relay.relay(folder, "localhost", "inside") as inner,
            site_relay.relay(folder, "127.0.0.1", "border") as outer,
            asyncio.timeout(60),
        ):
            await talk([inner, outer], msrp.TLSConfig(ca=folder / "ca.pem"))


async def talk(uris: list[str], tls: msrp.TLSConfig) -> None:
    """A message each way."""
    password = site_relay.PASSWORDS["alice"]
    chain = [msrp.RelayLogin(uri, "alice", password, tls=tls) for uri in uris]
    async with (
        msrp.Engine(tls=tls) as engine,
        engine.session(relays=chain) as alice,
        engine.session(setup="active", tls=True) as bob,
    ):
        path = await alice.authenticate()
        print("Alice's requests pass", " and ".join(uri.host for uri in path))
        alice.set_remote(bob.create_answer(alice.create_offer()))
        print("Bob's requests pass", " and ".join(uri.host for uri in bob.remote_path[:-1]))
        await asyncio.gather(alice.open(), bob.open())

        for sender, receiver, text in (
            (alice, bob, "Hello, Bob"),
            (bob, alice, "Hello, Alice"),
        ):
            transfer = await sender.send(text, success_report=True)
            print(await (await receiver.recv()).text())
            await transfer.delivered(timeout=30)


if __name__ == "__main__":
    asyncio.run(main())
