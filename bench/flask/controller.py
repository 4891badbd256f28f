# SPDX-License-Identifier: Apache-2.0
"""A controller as the forerunner of this project had it, with a database that loses nothing.

Flask-RESTful, and SQLite (WAL, synchronous=FULL) for what is reserved: for a WSGI server such as
gunicorn, with any number of processes and threads. It has D4.4's calls on the routes of
sdm-controller, checks them about as much, and answers alike. A platform is a row; an allocation is a
row, the segments it has, and what it takes of the link from the brick. It wires and programs nothing.

$SDM_BENCH_CONTROLLER names its configuration, which is JSON:

  database    file; made if it is not there
  compute     bricks, each with `cores` and one link
  memory      bricks, each with `segments` of `segmentMiB`
"""

import json
import os
import sqlite3
import threading

from flask import Flask, request
from flask_restful import Api, Resource

SCHEMA = """
CREATE TABLE IF NOT EXISTS compute (
  id INTEGER PRIMARY KEY, cores INTEGER NOT NULL, used INTEGER NOT NULL, link INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS platforms (
  id INTEGER PRIMARY KEY AUTOINCREMENT, brick INTEGER NOT NULL, cores INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS reservations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, platform INTEGER NOT NULL, util INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS of_platform ON reservations (platform);
CREATE TABLE IF NOT EXISTS segments (
  memory INTEGER NOT NULL, number INTEGER NOT NULL, reservation INTEGER,
  PRIMARY KEY (memory, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS free ON segments (memory, number) WHERE reservation IS NULL;
CREATE INDEX IF NOT EXISTS taken ON segments (reservation) WHERE reservation IS NOT NULL;
"""

GOOD = {"Status": 0, "StatusNo": 0, "Message": "All good"}


class Refused(Exception):
    pass


def refused(message):
    return {"Status": 1, "StatusNo": 1, "Message": message, "ErrorMessage": message}


class Controller:
    def __init__(self, config):
        self.config = config
        self.local = threading.local()
        # Threads of one process wait here rather than poll for SQLite's own lock.
        self.turn = threading.Lock()
        self.make()

    def connection(self):
        found = getattr(self.local, "connection", None)
        if found is None:
            found = sqlite3.connect(self.config["database"], timeout=60, isolation_level=None)
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=FULL")
            self.local.connection = found
        return found

    def make(self):
        database = self.connection()
        database.executescript(SCHEMA)
        with Transaction(self) as t:
            if t.execute("SELECT 1 FROM compute").fetchone() is not None:
                return
            cores = self.config["cores"]
            bricks = ((id, cores) for id in range(self.config["compute"]))
            t.executemany("INSERT INTO compute VALUES (?, ?, 0, 0)", bricks)
            t.executemany(
                "INSERT INTO segments VALUES (?, ?, NULL)",
                (
                    (memory, number)
                    for memory in range(self.config["memory"])
                    for number in range(self.config["segments"])
                ),
            )

    def segments_for(self, mib):
        size = self.config["segmentMiB"]
        return (mib + size - 1) // size

    def take(self, t, platform, brick, count, util):
        if count == 0:
            return
        if t.execute("SELECT link FROM compute WHERE id = ?", (brick,)).fetchone()[0] + util > 800:
            raise Refused("pathutil exceeded")
        free = t.execute(
            "SELECT memory, number FROM segments WHERE reservation IS NULL "
            "ORDER BY memory, number LIMIT ?",
            (count,),
        ).fetchall()
        if len(free) < count:
            raise Refused("Not enough Memory")
        reservation = t.execute(
            "INSERT INTO reservations (platform, util) VALUES (?, ?)", (platform, util)
        ).lastrowid
        t.executemany(
            "UPDATE segments SET reservation = ? WHERE memory = ? AND number = ?",
            [(reservation, memory, number) for memory, number in free],
        )
        t.execute("UPDATE compute SET link = link + ? WHERE id = ?", (util, brick))

    def get_platform(self, cpus, memory, util):
        with Transaction(self) as t:
            brick = t.execute(
                "SELECT id FROM compute WHERE cores - used >= ? ORDER BY id LIMIT 1", (cpus,)
            ).fetchone()
            if brick is None:
                raise Refused("Not Enough vCPUs")
            t.execute("UPDATE compute SET used = used + ? WHERE id = ?", (cpus, brick[0]))
            platform = t.execute(
                "INSERT INTO platforms (brick, cores) VALUES (?, ?)", (brick[0], cpus)
            ).lastrowid
            self.take(t, platform, brick[0], self.segments_for(memory), util)
        return dict(GOOD, PlatformID=platform, computeBrickIP="", computebrickIP="")

    def brick_of(self, t, platform):
        row = t.execute("SELECT brick, cores FROM platforms WHERE id = ?", (platform,)).fetchone()
        if row is None:
            raise Refused("Reservation Not Found")
        return row

    def allocate_memory(self, platform, memory, util):
        with Transaction(self) as t:
            brick, _ = self.brick_of(t, platform)
            self.take(t, platform, brick, self.segments_for(memory), util)
        return dict(GOOD, computeBrickIP="", computebrickIP="")

    def drop(self, t, platform, brick):
        rows = t.execute(
            "SELECT id, util FROM reservations WHERE platform = ?", (platform,)
        ).fetchall()
        for reservation, util in rows:
            t.execute("UPDATE segments SET reservation = NULL WHERE reservation = ?", (reservation,))
            t.execute("UPDATE compute SET link = link - ? WHERE id = ?", (util, brick))
        t.execute("DELETE FROM reservations WHERE platform = ?", (platform,))

    def free_memory(self, platform):
        with Transaction(self) as t:
            brick, _ = self.brick_of(t, platform)
            self.drop(t, platform, brick)
        return GOOD

    def release_platform(self, platform):
        with Transaction(self) as t:
            brick, cores = self.brick_of(t, platform)
            self.drop(t, platform, brick)
            t.execute("UPDATE compute SET used = used - ? WHERE id = ?", (cores, brick))
            t.execute("DELETE FROM platforms WHERE id = ?", (platform,))
        return GOOD

    def totals(self):
        database = self.connection()
        cores, used = database.execute("SELECT sum(cores), sum(used) FROM compute").fetchone()
        free = database.execute("SELECT count(*) FROM segments WHERE reservation IS NULL").fetchone()
        size = self.config["segmentMiB"]
        return dict(
            GOOD,
            TotalCores=cores,
            TotalMemory=self.config["memory"] * self.config["segments"] * size,
            AvailableCores=cores - used,
            AvailableMemory=free[0] * size,
        )


class Transaction:
    """Durable when it has been left."""

    def __init__(self, controller):
        self.controller = controller

    def __enter__(self):
        self.controller.turn.acquire()
        try:
            self.database = self.controller.connection()
            self.database.execute("BEGIN IMMEDIATE")
        except BaseException:
            self.controller.turn.release()
            raise
        return self.database

    def __exit__(self, kind, *_):
        try:
            self.database.execute("COMMIT" if kind is None else "ROLLBACK")
        finally:
            self.controller.turn.release()


def whole(body, name, least, most, initial=None):
    value = body.get(name, initial)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError("%s: expected a whole number from %d to %d" % (name, least, most))
    return value


class Call(Resource):
    def __init__(self, controller, name):
        self.controller, self.name = controller, name

    def post(self):
        body = request.get_json(force=True) or {}
        try:
            return getattr(self, self.name)(body)
        except Refused as refusal:
            return refused(str(refusal))
        except ValueError as error:
            return dict(refused(str(error)), code="SDM_INPUT"), 400

    def getPlatform(self, body):
        cpus, memory = whole(body, "cpus", 1, 65535), whole(body, "memory", 0, 1 << 33)
        return self.controller.get_platform(cpus, memory, whole(body, "pathUtil", 0, 100, 0))

    def releasePlatform(self, body):
        return self.controller.release_platform(whole(body, "platformID", 1, 1 << 53))

    def allocateMemory(self, body):
        platform, memory = whole(body, "platformID", 1, 1 << 53), whole(body, "memory", 1, 1 << 33)
        util = whole(body, "pathUtil", 0, 100, 0)
        return self.controller.allocate_memory(platform, memory, util)

    def freeMemory(self, body):
        return self.controller.free_memory(whole(body, "platformID", 1, 1 << 53))

    def TotalResources(self, _body):
        return self.controller.totals()


def create():
    with open(os.environ["SDM_BENCH_CONTROLLER"], encoding="utf-8") as file:
        controller = Controller(json.load(file))
    app = Flask("controller")
    api = Api(app)
    for name in (
        "getPlatform",
        "releasePlatform",
        "allocateMemory",
        "freeMemory",
        "TotalResources",
    ):
        api.add_resource(
            Call,
            "/api/" + name,
            endpoint=name,
            resource_class_args=(controller, name),
        )
    return app
