# SPDX-License-Identifier: Apache-2.0
"""What can go wrong: a controller that refuses, and one that does not answer."""


class SdmError(Exception):
    """An answer that is an error. ``code`` is stable: programs match on it, people read the message.

    ``details`` holds what a program needs; for a refusal ``resource``, ``where``, ``asked``, ``found``
    and, where there is one, ``nearest``: the request that would have worked.
    """

    def __init__(self, code, message, details=None, status=None):
        super().__init__("%s: %s" % (code, message))
        self.code = code
        self.message = message
        self.details = details or {}
        #: of HTTP; None where no answer came
        self.status = status


class Unreachable(SdmError):
    """The controller did not answer. Whether it did what was asked is not known, unless it was only
    asked something; a command that is sent again with the same ``idempotency_key`` is done once."""

    def __init__(self, address, cause):
        message = "%s does not answer: %s" % (address, cause)
        super().__init__("SDM_UNREACHABLE", message, {"address": address})
