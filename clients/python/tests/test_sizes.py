# SPDX-License-Identifier: Apache-2.0
import unittest

import sdm


class Sizes(unittest.TestCase):
    def test_texts_and_numbers(self):
        for given, size in (
            (0, 0),
            (1, 1),
            ("4096", 4096),
            ("1GiB", 1 << 30),
            ("512m", 512 << 20),
            ("2T", 2 << 40),
            ("64B", 64),
            ("0x10000000", 256 * sdm.MIB),
            (sdm.GIB, 1 << 30),
        ):
            self.assertEqual(sdm.parse_size(given), size, given)
        self.assertEqual(sdm.size_text("1GiB"), "0x40000000")

    def test_what_is_none(self):
        for given in ("", "x", "-1", "1.5G", "0xg", -1, 1 << 64, "99999999999P", None, True, 1.5):
            with self.assertRaises(ValueError, msg=repr(given)):
                sdm.parse_size(given)


class Addresses(unittest.TestCase):
    def test_what_is_none(self):
        for address in ("nonsense", "http://127.0.0.1", "http://example.org:80", "https://h:1"):
            with self.assertRaises(ValueError, msg=address):
                sdm.Client(address, pki=None)

    def test_nobody_there(self):
        for address in ("unix:/nonexistent/sock", "http://127.0.0.1:1"):
            with self.assertRaises(sdm.Unreachable) as raised:
                sdm.Client(address).totals()
            self.assertEqual(raised.exception.code, "SDM_UNREACHABLE")


if __name__ == "__main__":
    unittest.main()
