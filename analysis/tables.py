"""The tables of a join, in SQLite. Everything is appended and sorted; nothing is held in memory."""

from typing import Final

SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -{cache};
CREATE TABLE exposure (inference TEXT, unit TEXT, arm INT, at REAL, covariate REAL);
CREATE TABLE outcome (inference TEXT, channel INT, id TEXT, value REAL, at REAL);
"""

# A bare column beside min() comes from the row of the minimum: sqlite.org/lang_select.html#bareagg
JOIN: Final = """
CREATE TABLE facts AS SELECT CAST(:closed AS REAL) AS closed;
CREATE TABLE shown AS
  SELECT inference, unit, arm, min(at) AS at, covariate FROM exposure GROUP BY inference;
CREATE TABLE unit (number INTEGER PRIMARY KEY, unit TEXT, arm INT, first REAL, requests INT,
                   crossed INT, covariate REAL);
INSERT INTO unit (unit, arm, first, requests, crossed, covariate)
  SELECT unit, arm, min(at), count(*), min(arm) < max(arm), covariate FROM shown GROUP BY unit;
CREATE TABLE place (inference TEXT PRIMARY KEY, number INT, at REAL, first REAL) WITHOUT ROWID;
INSERT INTO place
  SELECT s.inference, u.number, s.at, u.first FROM shown AS s JOIN unit AS u USING (unit)
  ORDER BY s.inference;
UPDATE unit SET requests = requests - narrow.outside
  FROM (SELECT number, count(*) AS outside FROM place WHERE at > first + :window GROUP BY number)
    AS narrow
  WHERE narrow.number = unit.number;
CREATE TABLE fate AS
  SELECT told.inference, channel, value, number,
    CASE WHEN place.number IS NULL THEN 'unknown'
         WHEN told.at < place.at - :skew THEN 'early'
         WHEN told.at > place.first + :window THEN 'late'
         ELSE 'good' END AS fate
  FROM (SELECT inference, channel, id, value, min(at) AS at FROM outcome
        GROUP BY inference, channel, id) AS told
  LEFT JOIN place USING (inference);
CREATE TABLE total AS
  SELECT number, {sums} FROM fate WHERE fate = 'good' GROUP BY number;
CREATE UNIQUE INDEX total_number ON total (number);
CREATE VIEW analysed AS SELECT * FROM unit WHERE NOT crossed AND first <= (SELECT closed FROM
facts);
"""
