-- A history of release 0.1.0, as its own code wrote it.
PRAGMA auto_vacuum = FULL;
PRAGMA journal_mode = WAL;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE attachments (
            turn INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (turn, number)
        );
INSERT INTO "attachments" VALUES(1,0,X'89504E47');
INSERT INTO "attachments" VALUES(1,1,X'255044462D31');
INSERT INTO "attachments" VALUES(5,0,X'89504E47');
INSERT INTO "attachments" VALUES(5,1,X'255044462D31');
CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            title TEXT,
            created REAL NOT NULL,
            forked_from TEXT
        );
INSERT INTO "sessions" VALUES('1meey0049jv','Trees',1760000000.0,NULL);
INSERT INTO "sessions" VALUES('1meey1gv3rp','Trees',1760000048.0,'1meey0049jv');
CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            asked REAL NOT NULL,
            question TEXT NOT NULL,
            parts TEXT,
            ended REAL,
            answer TEXT NOT NULL DEFAULT '',
            reasoning TEXT NOT NULL DEFAULT '',
            refusal TEXT NOT NULL DEFAULT '',
            tool_calls TEXT,
            extras TEXT,
            provider TEXT,
            kind TEXT,
            model TEXT,
            attempts TEXT,
            usage TEXT,
            first_token REAL,
            elapsed REAL,
            finish_reason TEXT,
            complete INTEGER NOT NULL DEFAULT 0,
            error TEXT,
            removed INTEGER NOT NULL DEFAULT 0,
            indexed INTEGER NOT NULL DEFAULT 0
        );
INSERT INTO "turns" VALUES(1,'1meey0049jv',1760000010.0,'Which tree is oldest?','[{"text": "Which tree is oldest?"}, {"image": "image/png", "blob": 0}, {"document": "application/pdf", "filename": "trees.pdf", "blob": 1}]',1760000012.0,'A bristlecone pine — 4,853 years.','Think of Methuselah.','',NULL,'[{"kind": "anthropic", "model": "claude-x", "data": [{"type": "thinking", "thinking": "Think of Methuselah.", "signature": "c2VhbGVk"}], "origin": ""}]','primary','anthropic','claude-x','[{"provider": "backup", "kind": "openai", "model": "gpt-x", "outcome": "failed", "error": {"kind": "rate_limited", "status": 429, "code": "slow_down", "message": "too many requests", "retry_after": 7.5, "request_id": "req-1"}, "first_token_ms": null, "elapsed_ms": 80.0}, {"provider": "primary", "kind": "anthropic", "model": "claude-x", "outcome": "ok", "error": null, "first_token_ms": 412.0, "elapsed_ms": 1930.5}]','{"input": 12, "output": 34, "total": 46, "cached": null, "cache_write": null, "reasoning": 5}',0.412,1.9305,'stop',1,NULL,0,0);
INSERT INTO "turns" VALUES(2,'1meey0049jv',1760000022.0,'Where?',NULL,1760000024.0,'In the White Moun','','',NULL,NULL,'primary','anthropic','claude-x','[{"provider": "primary", "kind": "anthropic", "model": "claude-x", "outcome": "ok", "error": null, "first_token_ms": 412.0, "elapsed_ms": 1930.5}]',NULL,NULL,3.0,NULL,0,'{"kind": "cancelled", "message": "stopped by the user or a signal"}',0,0);
INSERT INTO "turns" VALUES(3,'1meey0049jv',1760000034.0,'Never mind',NULL,1760000036.0,'All right.','','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'stop',1,NULL,1,0);
INSERT INTO "turns" VALUES(4,'1meey0049jv',1760000046.0,'Look it up',NULL,1760000048.0,'','','','[{"id": "call_1", "name": "search", "arguments": "{\"q\": \"pine\"}"}]',NULL,'backup','openai','gpt-x','[{"provider": "primary", "kind": "anthropic", "model": "claude-x", "outcome": "ok", "error": null, "first_token_ms": 412.0, "elapsed_ms": 1930.5}]',NULL,NULL,NULL,'tool_calls',1,NULL,0,0);
INSERT INTO "turns" VALUES(5,'1meey1gv3rp',1760000010.0,'Which tree is oldest?','[{"text": "Which tree is oldest?"}, {"image": "image/png", "blob": 0}, {"document": "application/pdf", "filename": "trees.pdf", "blob": 1}]',1760000012.0,'A bristlecone pine — 4,853 years.','Think of Methuselah.','',NULL,'[{"kind": "anthropic", "model": "claude-x", "data": [{"type": "thinking", "thinking": "Think of Methuselah.", "signature": "c2VhbGVk"}], "origin": ""}]','primary','anthropic','claude-x','[{"provider": "backup", "kind": "openai", "model": "gpt-x", "outcome": "failed", "error": {"kind": "rate_limited", "status": 429, "code": "slow_down", "message": "too many requests", "retry_after": 7.5, "request_id": "req-1"}, "first_token_ms": null, "elapsed_ms": 80.0}, {"provider": "primary", "kind": "anthropic", "model": "claude-x", "outcome": "ok", "error": null, "first_token_ms": 412.0, "elapsed_ms": 1930.5}]','{"input": 12, "output": 34, "total": 46, "cached": null, "cache_write": null, "reasoning": 5}',0.412,1.9305,'stop',1,NULL,0,0);
INSERT INTO "turns" VALUES(6,'1meey1gv3rp',1760000022.0,'Where?',NULL,1760000024.0,'In the White Moun','','',NULL,NULL,'primary','anthropic','claude-x','[{"provider": "primary", "kind": "anthropic", "model": "claude-x", "outcome": "ok", "error": null, "first_token_ms": 412.0, "elapsed_ms": 1930.5}]',NULL,NULL,3.0,NULL,0,'{"kind": "cancelled", "message": "stopped by the user or a signal"}',0,0);
INSERT INTO "turns" VALUES(7,'1meey1gv3rp',1760000046.0,'Look it up',NULL,1760000048.0,'','','','[{"id": "call_1", "name": "search", "arguments": "{\"q\": \"pine\"}"}]',NULL,'backup','openai','gpt-x','[{"provider": "primary", "kind": "anthropic", "model": "claude-x", "outcome": "ok", "error": null, "first_token_ms": 412.0, "elapsed_ms": 1930.5}]',NULL,NULL,NULL,'tool_calls',1,NULL,0,0);
INSERT INTO "turns" VALUES(8,'1meey1gv3rp',1760000058.0,'And the tallest?',NULL,1760000060.0,'','','I would rather not.',NULL,NULL,'primary','anthropic','claude-x','[{"provider": "primary", "kind": "anthropic", "model": "claude-x", "outcome": "ok", "error": null, "first_token_ms": 412.0, "elapsed_ms": 1930.5}]',NULL,NULL,NULL,'refusal',0,NULL,0,0);
INSERT INTO "turns" VALUES(9,'1meey1gv3rp',1760000070.0,'Nobody there?',NULL,1760000072.0,'','','',NULL,NULL,NULL,NULL,NULL,'[{"provider": "backup", "kind": "openai", "model": "gpt-x", "outcome": "failed", "error": {"kind": "rate_limited", "status": 429, "code": "slow_down", "message": "too many requests", "retry_after": 7.5, "request_id": "req-1"}, "first_token_ms": null, "elapsed_ms": 80.0}]',NULL,NULL,NULL,NULL,0,'{"kind": "rate_limited", "message": "no provider of the chain gave an answer"}',0,0);
INSERT INTO "turns" VALUES(10,'1meey1gv3rp',1760000082.0,'Killed?',NULL,NULL,'Half an ans','','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0,0);
CREATE INDEX turns_of_session ON turns (session, id);
CREATE INDEX turns_to_index ON turns (id) WHERE indexed = 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('turns',10);
COMMIT;
