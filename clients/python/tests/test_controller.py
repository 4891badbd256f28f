# SPDX-License-Identifier: Apache-2.0
"""Against a controller: $SDM_CONTROLLER, and for TLS $SDM_TEST_HTTPS, $SDM_TEST_PKI, $SDM_TEST_CA,
$SDM_TEST_TOKEN. The rack has to be empty, and is left so. test/controller/api/python.test.ts starts
one."""

import json
import os
import shutil
import tempfile
import threading
import unittest
import uuid

import sdm

GOOD = {"Status": 0, "StatusNo": 0, "Message": "All good"}


@unittest.skipUnless(os.environ.get("SDM_CONTROLLER"), "there is no controller to ask")
class Controller(unittest.TestCase):
    def setUp(self):
        self.client = sdm.Client()
        self.before = self.client.totals()

    def tearDown(self):
        for platform in self.client.platforms():
            self.client.release_platform(platform["id"])
        self.assertEqual(self.client.totals(), self.before)
        self.client.close()


class D44(Controller):
    def test_the_life_of_a_platform(self):
        made = sdm.getPlatform(2, 4096 + 256, 5)
        self.assertEqual(made, dict(GOOD, **{k: made[k] for k in made if k not in GOOD}))
        platform = made["PlatformID"]
        self.assertEqual(made["computebrickIP"], made["computeBrickIP"])
        grown = sdm.allocateMemory(platform, 1024, 5, migrateOK=1)
        self.assertEqual((grown["Status"], grown["domigrate"]), (0, 0))
        self.assertEqual(self.client.platform(platform)["remoteMemory"], hex(5 << 28))
        self.assertEqual(sdm.freeMemory(platform, 1024), GOOD)
        self.assertEqual(sdm.freeMemory(platform), GOOD)
        self.assertEqual(self.client.platform(platform)["remoteMemory"], "0x0")
        self.assertEqual(sdm.releasePlatform(platform), GOOD)

    def test_what_is_refused(self):
        for answer, message in (
            (sdm.getPlatform(10000, 1), "Not Enough vCPUs"),
            (sdm.getPlatform(1, (1 << 30) - 1), "Not enough Memory"),
            (sdm.getPlatform(1, 1, 101), "pathutil exceeded"),
            (sdm.releasePlatform(99999), "Reservation Not Found"),
            (sdm.freeMemory(99999), "Reservation Not Found"),
            (sdm.allocateMemory(99999, 1), "Reservation Not Found"),
        ):
            self.assertEqual((answer["Status"], answer["StatusNo"]), (1, 1))
            self.assertEqual(answer["ErrorMessage"], message)
        self.assertEqual(sdm.getPlatform(0, 1)["code"], "SDM_INPUT")

    def test_totals(self):
        totals = sdm.TotalResources()
        self.assertEqual(totals["TotalCores"], self.before["cores"])
        self.assertEqual(totals["AvailableMemory"], totals["TotalMemory"])


class V1(Controller):
    def test_the_life_of_a_platform(self):
        made = self.client.create_platform(2, remoteMemory="512MiB", name="py", leaseTtlMs=60000)
        self.assertEqual((made["state"], made["remoteMemory"]), ("active", "0x20000000"))
        platform = made["id"]
        self.assertEqual(self.client.platform(platform), made)
        self.assertTrue(self.client.keep_lease(made["lease"]["id"])["kept"])
        grown = self.client.add_memory(platform, 256 * sdm.MIB, migrateOK=True)
        self.assertIs(grown["domigrate"], False)
        freed = self.client.free_memory(platform, attachment=grown["attached"][0])
        self.assertEqual(freed["freed"], "0x10000000")
        self.assertEqual(self.client.free_memory(platform)["platform"]["attachments"], [])
        self.assertEqual(self.client.release_platform(platform)["state"], "released")
        with self.assertRaises(sdm.SdmError) as raised:
            self.client.platform(platform)
        self.assertEqual((raised.exception.code, raised.exception.status), ("SDM_NOT_FOUND", 404))

    def test_pages(self):
        made = [self.client.create_platform(1, localMemory="1MiB")["id"] for _ in range(3)]
        paged = [each["id"] for each in self.client.each_platform(page=2)]
        self.assertEqual((paged, [each["id"] for each in self.client.platforms()]), (made, made))

    def test_a_key_has_it_done_once(self):
        key = str(uuid.uuid4())
        first = self.client.create_platform(1, idempotency_key=key)
        self.assertEqual(self.client.create_platform(1, idempotency_key=key), first)
        self.assertEqual(len(self.client.platforms()), 1)
        with self.assertRaises(sdm.SdmError) as raised:
            self.client.create_platform(2, idempotency_key=key)
        self.assertEqual(raised.exception.code, "SDM_KEY_REUSED")

    def test_plan_and_explain(self):
        self.assertEqual(self.client.plan(cores=1, remoteMemory=1)["remoteMemory"], "0x10000000")
        why = self.client.explain(cores=1, remoteMemory="1P")
        self.assertEqual((why["fits"], why["refusal"]["resource"]), (False, "segments"))
        with self.assertRaises(sdm.SdmError) as raised:
            self.client.plan(cores=1, remoteMemory="1P")
        self.assertEqual(raised.exception.code, "SDM_NO_SEGMENTS")
        self.assertIn("nearest", raised.exception.details)

    def test_the_rack(self):
        bricks = self.client.bricks()
        compute = next(each["id"] for each in bricks if each["type"] == "compute")
        self.assertTrue(self.client.drain(compute)["drained"])
        self.assertFalse(self.client.undrain(compute)["drained"])
        self.assertEqual(self.client.brick(compute)["id"], compute)
        name = self.client.switches()[0]["id"]
        self.assertEqual(self.client.switch(name)["id"], name)
        self.assertEqual(self.client.topology()["version"], 1)
        self.assertTrue(self.client.topology("dot").startswith("graph"))
        self.assertEqual(self.client.trays(), [])
        self.assertEqual(self.client.drift()["items"], [])

    def test_the_controller(self):
        self.assertEqual(self.client.health()["status"], "ok")
        self.assertIn("sdm_cores", self.client.metrics())
        self.assertIn("/v1/platforms", self.client.openapi()["paths"])

    def test_events(self):
        made = self.client.create_platform(1)
        seen = list(self.client.events(follow=False))
        mine = [each for each in seen if each["kind"] == "platform" and each["id"] == made["id"]]
        self.assertIn("active", [each["state"] for each in mine])
        self.client.release_platform(made["id"])
        for event in self.client.events(after=seen[-1]["event"]):
            if event["kind"] == "platform" and event["state"] == "released":
                break

    def test_threads(self):
        ids = []

        def make():
            ids.append(self.client.create_platform(1)["id"])
            self.client.close()

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(ids)), 4)


@unittest.skipUnless(os.environ.get("SDM_TEST_HTTPS"), "there is no controller behind TLS")
class Tls(unittest.TestCase):
    def test_certificate(self):
        client = sdm.Client(os.environ["SDM_TEST_HTTPS"], pki=os.environ["SDM_TEST_PKI"])
        self.addCleanup(client.close)
        self.assertIn("cores", client.totals())

    def test_token(self):
        client = sdm.Client(
            os.environ["SDM_TEST_HTTPS"],
            pki=os.environ["SDM_TEST_CA"],
            token=os.environ["SDM_TEST_TOKEN"],
        )
        self.addCleanup(client.close)
        self.assertIn("cores", client.totals())
        with self.assertRaises(sdm.SdmError) as raised:
            client.create_platform(1)
        self.assertEqual(raised.exception.code, "SDM_FORBIDDEN")

    def test_a_controller_that_was_revoked(self):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        for name in ("ca.pem", "cert.pem", "key.pem"):
            shutil.copy2(os.path.join(os.environ["SDM_TEST_PKI"], name), directory)
        listed = os.path.join(directory, "revoked.json")
        client = sdm.Client(os.environ["SDM_TEST_HTTPS"], pki=directory)
        self.addCleanup(client.close)
        self.assertIn("cores", client.totals())
        serial = client._transport._local.connection.sock.getpeercert()["serialNumber"]
        for text in (json.dumps({"revoked": [{"serial": serial}]}), "{"):
            with open(listed, "w", encoding="utf-8") as file:
                file.write(text)
            for _ in range(2):
                with self.assertRaises(sdm.Unreachable) as raised:
                    client.totals()
                self.assertRegex(str(raised.exception), "revoked")

    def test_neither(self):
        client = sdm.Client(os.environ["SDM_TEST_HTTPS"], pki=os.environ["SDM_TEST_CA"])
        self.addCleanup(client.close)
        with self.assertRaises(sdm.SdmError) as raised:
            client.totals()
        self.assertIn(raised.exception.code, ("SDM_UNAUTHENTICATED", "SDM_UNREACHABLE"))


if __name__ == "__main__":
    unittest.main()
