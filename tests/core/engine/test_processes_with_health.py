"""Any order of events in several processes over one file."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fallback_chat.core.engine.health_sqlite import SqliteBackend
from tests.core.engine.processes_with_health import LABELS, Processes
from tests.sampling import examples

if TYPE_CHECKING:
    from fallback_chat.core.engine.shared_health import HealthBackend


class OverSqlite(Processes):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())

    def backend(self, ahead: float = 0.0) -> HealthBackend:
        return SqliteBackend(self.directory / "state/health.db", LABELS, clock=lambda: self.now + ahead)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.directory)


TestOverSqlite = OverSqlite.TestCase
TestOverSqlite.settings = examples(15, 300)
