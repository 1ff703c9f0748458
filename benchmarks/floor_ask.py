"""The shortest honest program that does what `ask` does: open a stream with httpx, read its events, print the text."""

from __future__ import annotations

import asyncio
import json
import sys

import httpx

BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}


async def main(url: str) -> None:
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("POST", url, json=BODY, headers={"authorization": "Bearer k"}) as response,
    ):
        rest = ""
        async for text in response.aiter_text():
            rest += text
            *lines, rest = rest.split("\n")
            for line in lines:
                if line.startswith("data: ") and line != "data: [DONE]":
                    for choice in json.loads(line[6:])["choices"]:
                        if content := choice["delta"].get("content"):
                            sys.stdout.write(content)
                            sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
