-- SPDX-License-Identifier: MIT
-- For sqlite3 :memory:, after ".param set :count N".
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, body BLOB);
CREATE TABLE place (item INTEGER, shelf TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO item SELECT i, i * 7919 % 101, printf('item %d of %d', i, i % 977),
	zeroblob(i * 31 % 400) FROM n;
CREATE INDEX item_kind ON item (kind, name);
INSERT INTO place SELECT id, 'shelf ' || id * 31 % 1009 FROM item
	WHERE id % 3 = 0;
CREATE INDEX place_shelf ON place (shelf, item);
SELECT kind, count(*), max(name), sum(length(body)) FROM item GROUP BY kind
	ORDER BY 2 DESC LIMIT 5;
SELECT shelf, group_concat(name, ', ') FROM place JOIN item ON item = id
	GROUP BY shelf ORDER BY length(name) LIMIT 5;
UPDATE item SET name = name || ' (' || kind || ')', body = zeroblob(id % 700)
	WHERE kind % 2;
DELETE FROM item WHERE id % 5 = 0;
SELECT count(*) FROM (SELECT DISTINCT upper(substr(name, 6)) FROM item);
VACUUM;
