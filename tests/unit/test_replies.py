from datetime import timedelta

import pytest

from digest.deliveries.breaker import Breaker
from digest.deliveries.model import DeliveryState, Outcome, Phase, Reply, Scope, Verdict
from digest.deliveries.replies import WAITS, lost, outcome, parse, redact, retry_at, settle
from tests.factories import NOW

P, S, V = Phase, Scope, Verdict
D, R = V.DEFERRED, V.REFUSED

# row of the requirements, phase, code, text -> verdict, scope, does it stop the edition
TABLE = [
    ("H3", P.CONNECT, 421, "4.3.2 too busy", D, S.SENDER, True),
    ("H3", P.CONNECT, 554, "5.7.1 no service for you", R, S.SENDER, True),
    ("H4", P.AUTH, 535, "5.7.8 authentication failed", R, S.SENDER, True),
    ("H4", P.AUTH, 534, "5.7.9 application-specific password required", R, S.SENDER, True),
    ("H4", P.MAIL, 530, "5.7.0 authentication required", R, S.SENDER, True),
    ("H4", P.MAIL, 530, "5.7.57 Client not authenticated to send mail", R, S.SENDER, True),
    (
        "H4",
        P.AUTH,
        535,
        "5.7.139 Authentication unsuccessful, basic authentication is disabled",
        R,
        S.SENDER,
        True,
    ),
    (
        "A16",
        P.DOT,
        550,
        "5.7.30 Basic authentication is not supported for Client Submission",
        R,
        S.SENDER,
        True,
    ),
    ("H5", P.AUTH, 454, "4.7.0 temporary authentication failure", D, S.SENDER, True),
    ("H6", P.MAIL, 550, "5.1.0 sender rejected", R, S.SENDER, True),
    ("H6", P.MAIL, 553, "5.7.1 sender address not owned by user", R, S.SENDER, True),
    ("H7", P.MAIL, 552, "5.3.4 message size exceeds fixed limit", R, S.CONTENT, True),
    ("H7", P.MAIL, 552, "message too big", R, S.CONTENT, True),
    ("H7", P.DOT, 552, "5.3.4 message too large", R, S.CONTENT, True),
    ("H8", P.MAIL, 421, "4.7.28 unusual rate of unsolicited mail", D, S.SENDER, False),
    ("H8", P.DOT, 454, "Throttling failure: Maximum sending rate exceeded", D, S.SENDER, False),
    ("H8", P.MAIL, 432, "4.3.2 Concurrent connections limit exceeded", D, S.SENDER, False),
    ("H9", P.RCPT, 550, "5.1.1 user unknown", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 550, "5.1.10 recipient not found", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 550, "5.2.1 account disabled", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 556, "5.1.10 recipient address has null MX", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 551, "user not local; try elsewhere", R, S.RECIPIENT, False),
    ("H9", P.DOT, 550, "5.1.1 no such user here", R, S.RECIPIENT, False),
    ("H10", P.RCPT, 550, "No such user here", R, S.RECIPIENT, False),
    ("H10", P.RCPT, 550, "mailbox unavailable", R, S.UNKNOWN, False),
    ("H10", P.RCPT, 554, "rejected: see our blocklist", R, S.SENDER, False),
    ("H11", P.RCPT, 452, "4.2.2 mailbox full", D, S.RECIPIENT, False),
    ("H11", P.RCPT, 552, "5.2.2 over quota", D, S.RECIPIENT, False),
    ("H11", P.DOT, 550, "5.2.2 user's mailbox is full", D, S.RECIPIENT, False),
    ("H12", P.RCPT, 451, "4.7.1 Greylisting in action, please come back later", D, S.RECIPIENT, False),
    ("H12", P.RCPT, 450, "4.2.0 try again", D, S.RECIPIENT, False),
    ("H13", P.RCPT, 550, "5.7.1 relaying denied", R, S.SENDER, False),
    ("H13", P.RCPT, 554, "5.7.1 <x@y>: Relay access denied", R, S.SENDER, False),
    (
        "H14",
        P.DOT,
        550,
        "5.7.26 This mail has been blocked because the sender is unauthenticated",
        R,
        S.SENDER,
        False,
    ),
    (
        "H14",
        P.DOT,
        550,
        "5.7.515 Access denied, sending domain does not meet the required level",
        R,
        S.SENDER,
        False,
    ),
    ("H14", P.DOT, 550, "rejected by DMARC policy", R, S.SENDER, False),
    ("H14", P.DOT, 421, "4.7.26 unauthenticated", D, S.SENDER, False),
    ("H15", P.DOT, 554, "5.7.1 message content rejected as spam", R, S.CONTENT, False),
    ("H15", P.DOT, 554, "transaction failed", R, S.CONTENT, False),
    ("H15", P.DOT, 550, "5.7.1 blocked using zen.spamhaus.org", R, S.SENDER, False),
    (
        "H16",
        P.DOT,
        421,
        "4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred",
        R,
        S.DESTINATION,
        False,
    ),
    (
        "A11",
        P.MAIL,
        421,
        "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
        D,
        S.DESTINATION,
        False,
    ),
    ("H17", P.DOT, 421, "4.3.0 shutting down", D, S.UNKNOWN, False),
    ("H18", P.RCPT, 452, "4.5.3 too many recipients", D, S.RECIPIENT, False),
    ("H19", P.DOT, 550, "5.4.5 Daily user sending limit exceeded", D, S.SENDER, True),
    ("H19", P.DOT, 454, "Throttling failure: Daily message quota exceeded", D, S.SENDER, True),
    ("H20", P.DOT, 550, "5.1.8 access denied, bad outbound sender", R, S.SENDER, True),
    ("H20", P.RCPT, 550, "5.4.6 routing loop detected", R, S.SENDER, True),
    ("H20", P.DOT, 550, "5.7.708 access denied, traffic not accepted from this IP", R, S.SENDER, True),
    ("H22", P.DOT, 550, "computer says no", R, S.UNKNOWN, False),
    ("H22", P.RCPT, 599, "", R, S.UNKNOWN, False),
    ("H26", P.RCPT, 550, "4.2.1 mailbox busy", D, S.RECIPIENT, False),
    ("F4", P.RCPT, 553, "5.6.7 internationalized addresses not supported", R, S.RECIPIENT, False),
    # the same, in the words of those who say it
    (
        "H14",
        P.RCPT,
        550,
        "5.1.0 192.0.2.7 is not allowed to send from <x.example> per its SPF record",
        R,
        S.SENDER,
        False,
    ),
    (
        "H3",
        P.CONNECT,
        554,
        "mx.example Nemesis ESMTP Service not available\nNo SMTP service\nIP address is blocked",
        R,
        S.SENDER,
        True,
    ),
    (
        "H3",
        P.CONNECT,
        421,
        "4.7.0 [192.0.2.7] Connection refused for now, too many of you",
        D,
        S.SENDER,
        True,
    ),
    ("H3", P.EHLO, 421, "4.7.0 Try again later, closing connection. (EHLO) - gsmtp", D, S.SENDER, True),
    ("H4", P.AUTH, 535, "5.7.8 Username and Password not accepted - gsmtp", R, S.SENDER, True),
    ("H4", P.AUTH, 535, "5.7.3 Authentication unsuccessful [AB1.PROD.OUTLOOK.COM]", R, S.SENDER, True),
    ("H4", P.AUTH, 535, "Authentication Credentials Invalid", R, S.SENDER, True),
    (
        "H4",
        P.AUTH,
        538,
        "5.7.11 Encryption required for requested authentication mechanism",
        R,
        S.SENDER,
        True,
    ),
    ("H4", P.MAIL, 530, "5.7.0 Must issue a STARTTLS command first", R, S.SENDER, True),
    ("H4", P.RCPT, 550, "SMTP authentication is required from here", R, S.SENDER, True),
    ("H6", P.MAIL, 550, "5.7.1 our check says: SPF softfail for this sender", R, S.SENDER, True),
    ("H6", P.MAIL, 501, "5.1.7 Bad sender address syntax", R, S.SENDER, True),
    (
        "H6",
        P.DOT,
        554,
        "5.2.252 SendAsDenied; <us@x.example> not allowed to send as <brief@x.example>",
        R,
        S.SENDER,
        True,
    ),
    (
        "H6",
        P.RCPT,
        553,
        "5.7.1 <us@x.example>: Sender address rejected: not owned by user us",
        R,
        S.SENDER,
        True,
    ),
    ("H6", P.RCPT, 553, "5.1.8 <us@x.example>: Sender address rejected: Domain not found", R, S.SENDER, True),
    (
        "H6",
        P.DOT,
        554,
        "Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: x",
        R,
        S.SENDER,
        True,
    ),
    (
        "H6",
        P.DOT,
        554,
        "Access denied: User `arn:aws:iam::1:user/x' is not authorized to perform `ses:SendRawEmail'",
        R,
        S.SENDER,
        True,
    ),
    (
        "H6",
        P.DATA,
        421,
        "Domain news.example.org is not allowed to send: sandbox subdomains are for tests",
        D,
        S.SENDER,
        True,
    ),
    (
        "H6",
        P.RCPT,
        550,
        "5.1.0 <us@x.example>: Sender address rejected: User unknown in virtual mailbox table",
        R,
        S.SENDER,
        False,
    ),
    (
        "H6",
        P.RCPT,
        550,
        "Verification failed for <us@x.example>\nNo Such User Here\nSender verify failed",
        R,
        S.SENDER,
        False,
    ),
    (
        "H6",
        P.RCPT,
        450,
        "4.1.8 <us@x.example>: Sender address rejected: Domain not found",
        D,
        S.SENDER,
        False,
    ),
    (
        "H6",
        P.RCPT,
        504,
        "5.5.2 <news>: Helo command rejected: need fully-qualified hostname",
        R,
        S.SENDER,
        False,
    ),
    ("H7", P.MAIL, 552, "Message size exceeds maximum permitted", R, S.CONTENT, True),
    ("H7", P.MAIL, 552, "5.2.3 message length exceeds administrative limit", R, S.CONTENT, True),
    ("H7", P.DOT, 552, "5.2.3 Your message exceeded the size limits of this service", R, S.CONTENT, True),
    (
        "H7",
        P.DOT,
        550,
        "5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient",
        R,
        S.CONTENT,
        False,
    ),
    ("H8", P.MAIL, 452, "4.3.1 Insufficient system storage", D, S.SENDER, False),
    ("H8", P.DOT, 452, "4.3.1 Insufficient system storage", D, S.SENDER, False),
    ("H8", P.RCPT, 452, "4.4.5 Insufficient disk space; try again later", D, S.SENDER, False),
    ("H8", P.MAIL, 450, "4.5.1 too busy to take this", D, S.SENDER, False),
    (
        "H8",
        P.RCPT,
        451,
        "4.7.650 The mail server [192.0.2.7] has been temporarily rate limited due to IP reputation",
        D,
        S.SENDER,
        False,
    ),
    (
        "H8",
        P.RCPT,
        451,
        "4.7.500 Server busy. Please try again later from [192.0.2.7]. (S77719)",
        D,
        S.SENDER,
        False,
    ),
    ("H8", P.DOT, 432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", D, S.SENDER, False),
    (
        "H8",
        P.MAIL,
        421,
        "4.7.0 Trop de connexions, veuillez patienter. Too many connections, slow down. OFR_104",
        D,
        S.SENDER,
        False,
    ),
    ("H8", P.MAIL, 421, "too many concurrent SMTP connections; please try again later", D, S.SENDER, False),
    (
        "H9",
        P.RCPT,
        550,
        "5.1.1 The email account that you tried to reach does not exist. Please look for typos\n5.1.1 - gsmtp",
        R,
        S.RECIPIENT,
        False,
    ),
    (
        "H9",
        P.RCPT,
        550,
        "5.2.1 The email account that you tried to reach is inactive - gsmtp",
        R,
        S.RECIPIENT,
        False,
    ),
    (
        "H9",
        P.DOT,
        550,
        "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        R,
        S.RECIPIENT,
        False,
    ),
    (
        "H9",
        P.DOT,
        550,
        "5.1.351 Remote server returned unknown recipient or mailbox unavailable",
        R,
        S.RECIPIENT,
        False,
    ),
    ("H9", P.RCPT, 550, "5.1.2 <x@y.example>... Host unknown", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 501, "5.1.3 Bad recipient address syntax", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 550, "5.1.6 recipient no longer on server", R, S.RECIPIENT, False),
    (
        "H9",
        P.RCPT,
        550,
        "5.1.1 <x@y.example>: Recipient address rejected: User unknown in local recipient table",
        R,
        S.RECIPIENT,
        False,
    ),
    ("H9", P.RCPT, 550, "5.1.1 <x@me.example>: user does not exist", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 525, "5.7.13 <x@y.example>: Recipient address rejected: disabled", R, S.RECIPIENT, False),
    (
        "H9",
        P.DOT,
        550,
        "permanent failure for one or more recipients (x@y.example:550 5.1.1 nobody)",
        R,
        S.RECIPIENT,
        False,
    ),
    ("H9", P.RCPT, 551, "5.7.1 Delivery not authorized, message refused", R, S.SENDER, False),
    (
        "H10",
        P.RCPT,
        550,
        "5.4.1 Recipient address rejected: Access denied. AS(201806281)",
        R,
        S.RECIPIENT,
        False,
    ),
    (
        "H10",
        P.RCPT,
        550,
        "Requested action not taken: mailbox unavailable (S2017062302)",
        R,
        S.UNKNOWN,
        False,
    ),
    (
        "H10",
        P.RCPT,
        550,
        "Requested action not taken: mailbox unavailable\nFor explanation visit https://postmaster.example/en/case?c=r0601",
        R,
        S.UNKNOWN,
        False,
    ),
    (
        "H10",
        P.DOT,
        554,
        "delivery error: dd This user doesn't have a yahoo.example account (x@yahoo.example) [0]",
        R,
        S.RECIPIENT,
        False,
    ),
    (
        "H10",
        P.RCPT,
        550,
        "Invalid Recipient - https://community.mimecast.example/docs/550 [aBcD]",
        R,
        S.RECIPIENT,
        False,
    ),
    (
        "H10",
        P.RCPT,
        550,
        "Adresse d au moins un destinataire invalide. Invalid recipient. OFR004_416 [416]",
        R,
        S.RECIPIENT,
        False,
    ),
    (
        "H10",
        P.RCPT,
        550,
        "5.5.0 Boite du destinataire archivee. Archived recipient. OFR_417 [417]",
        R,
        S.RECIPIENT,
        False,
    ),
    ("H10", P.RCPT, 550, "Unrouteable address", R, S.RECIPIENT, False),
    (
        "H10",
        P.RCPT,
        554,
        "Service unavailable; Client host [192.0.2.7] blocked using Barracuda Reputation",
        R,
        S.SENDER,
        False,
    ),
    (
        "H10",
        P.RCPT,
        550,
        "5.7.1 messages from [192.0.2.7] weren't sent: part of their network is on our block list (S3140)",
        R,
        S.SENDER,
        False,
    ),
    (
        "H10",
        P.RCPT,
        550,
        "Administrative prohibition - envelope blocked - https://community.mimecast.example/550",
        R,
        S.UNKNOWN,
        False,
    ),
    ("H10", P.RCPT, 550, "Mail from 5.1.1.7 is not welcome", R, S.UNKNOWN, False),
    (
        "H11",
        P.RCPT,
        452,
        "4.2.2 The email account that you tried to reach is over quota - gsmtp",
        D,
        S.RECIPIENT,
        False,
    ),
    ("H11", P.DOT, 552, "5.2.2 The recipient's inbox is out of storage space - gsmtp", D, S.RECIPIENT, False),
    (
        "H11",
        P.RCPT,
        552,
        "1 Requested mail action aborted, mailbox is over quota (#MBR1212)",
        D,
        S.RECIPIENT,
        False,
    ),
    ("H11", P.RCPT, 552, "Requested mail action aborted: exceeded storage allocation", D, S.RECIPIENT, False),
    (
        "H11",
        P.RCPT,
        552,
        "5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]",
        D,
        S.RECIPIENT,
        False,
    ),
    (
        "H11",
        P.RCPT,
        550,
        "4.2.1 The user you are trying to contact is receiving mail at a rate that is too high",
        D,
        S.RECIPIENT,
        False,
    ),
    (
        "H11",
        P.DOT,
        550,
        "5.2.1 The user you are trying to contact is receiving mail too quickly - gsmtp",
        D,
        S.RECIPIENT,
        False,
    ),
    (
        "H12",
        P.RCPT,
        450,
        "4.2.0 <x@y.example>: Recipient address rejected: Greylisted, see http://postgrey.example",
        D,
        S.RECIPIENT,
        False,
    ),
    ("H12", P.RCPT, 451, "4.7.1 Service unavailable - try again later", D, S.RECIPIENT, False),
    (
        "H12",
        P.RCPT,
        451,
        "Internal resources are temporarily unavailable - https://community.mimecast.example/451",
        D,
        S.RECIPIENT,
        False,
    ),
    ("H12", P.RCPT, 451, "Temporary local problem - please try later", D, S.RECIPIENT, False),
    (
        "H12",
        P.RCPT,
        450,
        "4.1.1 <x@y.example>: Recipient address rejected: unverified address",
        D,
        S.RECIPIENT,
        False,
    ),
    ("H13", P.RCPT, 550, "relay not permitted", R, S.SENDER, False),
    (
        "H13",
        P.RCPT,
        550,
        "5.7.64 TenantAttribution; Relay Access Denied [ValidationStatus of '' is EmptyCertificate]",
        R,
        S.SENDER,
        False,
    ),
    ("H13", P.DOT, 550, "5.7.0 Local Policy Violation", R, S.CONTENT, False),
    ("H13", P.RCPT, 550, "5.7.0 not from here", R, S.SENDER, False),
    *[
        ("H14", P.DOT, 550, f"5.7.{n} rejected", R, S.SENDER, False)
        for n in (25, 26, 27, 29, 30, 31, 32, 40, 509, 515)
    ],
    (
        "H14",
        P.DOT,
        550,
        "5.7.1 Unauthenticated email from x.example is not accepted due to its DMARC policy",
        R,
        S.SENDER,
        False,
    ),
    (
        "H14",
        P.DOT,
        550,
        "DMARC Sender Invalid - envelope rejected - https://community.mimecast.example/550",
        R,
        S.SENDER,
        False,
    ),
    (
        "H14",
        P.RCPT,
        450,
        "4.7.25 Client host rejected: cannot find your hostname, [192.0.2.7]",
        D,
        S.SENDER,
        False,
    ),
    (
        "H15",
        P.DOT,
        550,
        "5.7.1 Our system has detected that this message is likely unsolicited mail - gsmtp",
        R,
        S.CONTENT,
        False,
    ),
    (
        "H15",
        P.DOT,
        552,
        "5.7.0 This message was blocked because its content presents a potential security issue - gsmtp",
        R,
        S.CONTENT,
        False,
    ),
    (
        "H15",
        P.DOT,
        554,
        "5.7.9 Message not accepted for policy reasons. See https://senders.yahooinc.example",
        R,
        S.CONTENT,
        False,
    ),
    ("H15", P.DOT, 554, "5.7.1 [CS01] Message rejected due to local policy.", R, S.CONTENT, False),
    ("H15", P.DOT, 554, "Transaction failed\nReject due to policy restrictions.", R, S.CONTENT, False),
    (
        "H15",
        P.DOT,
        554,
        "Email rejected due to security policies - https://community.mimecast.example/554",
        R,
        S.CONTENT,
        False,
    ),
    ("H15", P.DOT, 550, "5.2.0 Mail rejete. Mail rejected. OFR_506 [506]", R, S.CONTENT, False),
    ("H15", P.DOT, 550, "This message was classified as SPAM and may not be delivered", R, S.CONTENT, False),
    ("H15", P.DOT, 550, "csi.mimecast.example Poor Reputation Sender.", R, S.SENDER, False),
    (
        "H15",
        P.DOT,
        550,
        "5.7.1 rejected due to having a domain present in the Spamhaus DBL",
        R,
        S.SENDER,
        False,
    ),
    ("H15", P.DOT, 550, "5.7.606 Access denied, banned sending IP [192.0.2.7].", R, S.SENDER, False),
    (
        "H16",
        P.MAIL,
        421,
        "4.7.1 [TS03] All messages from 192.0.2.7 will be permanently deferred",
        R,
        S.DESTINATION,
        False,
    ),
    ("H17", P.RCPT, 421, "4.4.2 mx.example Error: timeout exceeded", D, S.RECIPIENT, False),
    ("H17", P.DATA, 421, "4.3.0 Temporary System Problem. Try again later - gsmtp", D, S.SENDER, False),
    ("H18", P.RCPT, 452, "4.5.3 Error: too many recipients", D, S.RECIPIENT, False),
    (
        "H19",
        P.DOT,
        550,
        "5.4.5 Daily SMTP relay sending limit exceeded for customer - gsmtp",
        D,
        S.SENDER,
        True,
    ),
    (
        "H19",
        P.DOT,
        550,
        "5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
        D,
        S.SENDER,
        True,
    ),
    (
        "H19",
        P.RCPT,
        452,
        "4.2.2 <x@y.example> has used up the daily quota of its mailbox",
        D,
        S.RECIPIENT,
        False,
    ),
    (
        "A15",
        P.DOT,
        554,
        "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; failed to process message",
        D,
        S.SENDER,
        True,
    ),
    ("A15", P.MAIL, 552, "5.2.2 Submission quota exceeded", D, S.SENDER, True),
    ("A15", P.DOT, 554, "Message rejected: Sending paused for this account.", R, S.SENDER, True),
    *[
        ("H20", P.DOT, 550, f"5.7.{n} access denied", R, S.SENDER, True)
        for n in (501, 502, 503, 705, 708, 750)
    ],
    ("H20", P.DOT, 554, "5.4.14 Hop count exceeded - possible mail loop ATTR34", R, S.SENDER, True),
    ("H21", P.DOT, 550, "5.0.0 refused after all", R, S.UNKNOWN, False),
    ("H22", P.DOT, 554, "5.3.0 Mailer error", R, S.CONTENT, False),
    ("H22", P.RCPT, 553, "5.3.5 system config error", R, S.UNKNOWN, False),
    ("H22", P.DATA, 499, "", D, S.UNKNOWN, False),
    ("H26", P.RCPT, 450, "5.1.1 gone for good", D, S.RECIPIENT, False),
    ("H26", P.DOT, 550, "4.4.7 QUEUE.Expired; message expired", D, S.UNKNOWN, False),
    ("H26", P.RCPT, 550, "5.1.1 (version 4.2.1) user unknown", R, S.RECIPIENT, False),
    ("H26", P.RCPT, 550, "mailer 4.99.1 says 5.1.1", R, S.RECIPIENT, False),
]


@pytest.mark.parametrize(("row", "phase", "code", "text", "verdict", "scope", "stops"), TABLE)
def test_a_reply_is_charged_to_whoever_is_at_fault(row, phase, code, text, verdict, scope, stops):
    result = outcome(phase, parse(code, text))
    assert (result.verdict, result.scope, bool(result.stop)) == (verdict, scope, stops), row


def test_a_reason_to_stop_says_what_the_server_said():
    result = outcome(P.AUTH, parse(535, "5.7.8 authentication failed"))
    assert result.stop == "The mail server refused our login: 535 5.7.8 authentication failed"


def test_421_anywhere_ends_the_connection():
    assert outcome(P.RCPT, parse(421, "4.3.0 bye")).closed


def test_only_the_250_after_the_dot_is_acceptance():
    assert outcome(P.DOT, parse(250, "2.0.0 queued")).verdict is V.ACCEPTED


@pytest.mark.parametrize(
    ("phase", "verdict"),
    [(P.CONNECT, D), (P.MAIL, D), (P.RCPT, D), (P.DATA, D), (P.BODY, V.UNCERTAIN), (P.DOT, V.UNCERTAIN)],
)
def test_a_lost_connection_is_uncertain_only_once_the_body_had_begun(phase, verdict):
    assert lost(phase, "gone").verdict is verdict


@pytest.mark.parametrize("code", [None, 0, 99, 354, 700])
def test_an_answer_that_is_none_after_the_dot_leaves_it_uncertain(code):
    assert outcome(P.DOT, Reply(code=code, text="??")).verdict is V.UNCERTAIN


def test_retries_come_at_the_listed_times_within_a_fifth():
    deferred = outcome(P.RCPT, parse(451, "4.7.1 greylisted"))
    for position in (1, 2, 77, 999_999):
        for attempt, wait in enumerate(WAITS, start=1):
            again = retry_at(deferred, attempt, NOW, position=position)
            assert again is not None
            assert 0.8 * wait <= again - NOW <= 1.2 * wait
            assert again == retry_at(deferred, attempt, NOW, position=position)
        assert retry_at(deferred, len(WAITS) + 1, NOW, position=position) is None


def test_neighbours_do_not_retry_at_the_same_moment():
    deferred = outcome(P.RCPT, parse(451, "later"))
    assert len({retry_at(deferred, 1, NOW, position=p) for p in range(1, 101)}) > 90


def test_a_receiver_that_defers_everybody_is_left_alone_for_hours():
    slow = outcome(P.DOT, parse(421, "4.7.0 [TSS04] deferred"))
    again = retry_at(slow, 1, NOW)
    assert again is not None
    assert again - NOW >= timedelta(hours=3)


def _settled(result, *, attempts=1, give_up_at=None):
    return settle(
        result, position=1, attempts=attempts, before=DeliveryState.SENDING, now=NOW, give_up_at=give_up_at
    )


def test_a_sender_fault_is_not_held_against_the_delivery():
    settled = _settled(outcome(P.MAIL, parse(550, "5.1.0 sender rejected")))
    assert (settled.state, settled.counts, settled.not_before) == (DeliveryState.PENDING, False, None)


def test_the_last_deferral_is_a_failure_that_says_how_often_it_was_tried():
    settled = _settled(outcome(P.RCPT, parse(451, "4.7.1 later")), attempts=7)
    assert settled.state is DeliveryState.FAILED
    assert settled.reason == "gave up after 7 tries: 451 4.7.1 later"


def test_a_retry_that_would_come_too_late_is_not_made():
    settled = _settled(outcome(P.RCPT, parse(451, "later")), give_up_at=NOW + timedelta(minutes=5))
    assert settled.state is DeliveryState.FAILED
    assert settled.reason.startswith("too late")


def test_a_refusal_and_a_silence_say_so():
    assert _settled(outcome(P.RCPT, parse(550, "5.1.1 no"))).state is DeliveryState.REFUSED
    assert _settled(lost(P.DOT, "gone")).state is DeliveryState.UNCERTAIN


def test_kept_replies_hold_no_address_token_or_control():
    text = redact(
        "550 <ada@example.net>: see https://x.example/u/abcdefghijklmnopqrstu\r\nb+sometoken123\x00 "
        + "A" * 60
        + " end" * 500
    )
    assert "ada" not in text
    assert "abcdefgh" not in text
    assert "sometoken" not in text
    assert "AAAA" not in text
    assert text.isprintable()
    assert len(text) <= 500


def refusal(text, *, phase=P.DOT, code=550):
    return outcome(phase, parse(code, text))


def test_five_domains_that_refuse_in_a_row_for_one_reason_stop_the_edition():
    breaker = Breaker(fresh=True)
    for n in range(4):
        assert not breaker.observe(refusal("5.7.26 unauthenticated"), domain=f"d{n}.example")
    assert "5.7.26" in breaker.observe(refusal("5.7.26 unauthenticated"), domain="d5.example")


def test_one_domain_that_refuses_often_stops_nothing():
    breaker = Breaker(fresh=True)
    assert not any(breaker.observe(refusal("5.7.26 no"), domain="one.example") for _ in range(50))


def test_an_acceptance_between_breaks_the_run():
    breaker = Breaker(fresh=True)
    good = Outcome(verdict=V.ACCEPTED, phase=P.DOT)
    for n in range(12):
        assert not breaker.observe(good if n % 4 == 3 else refusal("5.7.26 no"), domain=f"d{n}.example")


def test_a_stale_list_is_noticed_within_the_first_200():
    breaker = Breaker(fresh=True)
    good = Outcome(verdict=V.ACCEPTED, phase=P.DOT)
    dead = refusal("5.1.1 unknown", phase=P.RCPT)
    said = [breaker.observe(dead if n % 10 == 0 else good, domain=f"d{n}.example") for n in range(120)]
    assert said[99] == ""
    assert "addresses do not exist" in said[100]


def test_after_a_resume_the_first_addresses_are_not_judged_again():
    breaker = Breaker(fresh=False)
    dead = refusal("5.1.1 unknown", phase=P.RCPT)
    assert not any(breaker.observe(dead, domain=f"d{n}.example") for n in range(100))
