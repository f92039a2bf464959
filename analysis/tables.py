"""The tables of a join, in SQLite: nothing is held in memory, sorts spill to disk.

`main` is what was read, each record once, and can be kept; `work` is what is made of it.
"""

from typing import Final

PRAGMAS: Final = """
PRAGMA main.journal_mode = OFF;
PRAGMA main.synchronous = OFF;
PRAGMA main.cache_size = -{cache};
PRAGMA work.journal_mode = OFF;
PRAGMA work.synchronous = OFF;
PRAGMA work.cache_size = -{cache};
PRAGMA temp_store = FILE;
"""

KEPT: Final = """
CREATE TABLE IF NOT EXISTS main.about (fingerprint TEXT);
CREATE TABLE IF NOT EXISTS main.source (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS main.counted (name TEXT PRIMARY KEY, count INT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS main.shown (inference TEXT PRIMARY KEY, unit TEXT, arm INT, at REAL,
                                       covariate REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS main.told (inference TEXT, channel INT, id TEXT, value REAL, at REAL,
                                      PRIMARY KEY (inference, channel, id)) WITHOUT ROWID;
"""

STAGED: Final = """
CREATE TABLE work.staged_exposure (inference TEXT, unit TEXT, arm INT, at REAL, covariate REAL);
CREATE TABLE work.staged_outcome (inference TEXT, channel INT, id TEXT, value REAL, at REAL);
"""

# The earliest counts; what is kept among equals depends on no order of arrival.
# "WHERE true" tells ON CONFLICT from a join: sqlite.org/lang_upsert.html, "Parsing Ambiguity".
SETTLE: Final = (
    """
INSERT INTO shown SELECT * FROM staged_exposure WHERE true
  ORDER BY inference, at, unit, arm
  ON CONFLICT (inference) DO UPDATE SET
    unit = excluded.unit, arm = excluded.arm, at = excluded.at, covariate = excluded.covariate
  WHERE (excluded.at, excluded.unit, excluded.arm, ifnull(excluded.covariate, 9e999))
      < (shown.at, shown.unit, shown.arm, ifnull(shown.covariate, 9e999))
""",
    """
INSERT INTO told SELECT * FROM staged_outcome WHERE true
  ORDER BY inference, channel, id, at
  ON CONFLICT (inference, channel, id) DO UPDATE SET value = excluded.value, at = excluded.at
  WHERE (excluded.at, -excluded.value) < (told.at, -told.value)
""",
    "DELETE FROM staged_exposure",
    "DELETE FROM staged_outcome",
)

# A bare column beside min() comes from the row of the minimum: sqlite.org/lang_select.html#bareagg
JOIN: Final = """
CREATE TABLE work.facts AS SELECT CAST(:closed AS REAL) AS closed;
CREATE TABLE work.unit (number INTEGER PRIMARY KEY, unit TEXT, arm INT, first REAL, requests INT,
                        crossed INT, covariate REAL);
INSERT INTO unit (unit, arm, first, requests, crossed, covariate)
  SELECT unit, arm, min(at), count(*), min(arm) < max(arm), covariate FROM shown GROUP BY unit;
CREATE TABLE work.place (inference TEXT PRIMARY KEY, number INT, at REAL, first REAL) WITHOUT ROWID;
INSERT INTO place
  SELECT s.inference, u.number, s.at, u.first FROM shown AS s JOIN unit AS u USING (unit)
  ORDER BY s.inference;
UPDATE unit SET requests = requests - narrow.outside
  FROM (SELECT number, count(*) AS outside FROM place WHERE at > first + :window GROUP BY number)
    AS narrow
  WHERE narrow.number = unit.number;
CREATE TABLE work.fate AS
  SELECT told.inference, channel, value, number,
    CASE WHEN place.number IS NULL THEN 'unknown'
         WHEN told.at < place.at - :skew THEN 'early'
         WHEN told.at > place.first + :window THEN 'late'
         ELSE 'good' END AS fate
  FROM told LEFT JOIN place USING (inference);
CREATE TABLE work.total AS
  SELECT number, {sums} FROM fate WHERE fate = 'good' GROUP BY number;
CREATE UNIQUE INDEX work.total_number ON total (number);
CREATE VIEW work.analysed AS SELECT * FROM unit WHERE NOT crossed AND first <= (SELECT closed FROM
facts);
"""
