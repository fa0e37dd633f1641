"""What a client may try in order to be led inside."""

CLOSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "100.100.100.200", "127.0.0.1", "127.255.0.1",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "168.63.129.16",
    "::", "::1", "::7f00:1", "::a9fe:a9fe", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1",
    "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::a9fe:a9fe", "fec0::1", "ff02::1",
    "2606:4700::1%1",
]  # fmt: skip
"""Addresses that are no host of the public internet."""

REFUSED = [
    ("", "must begin with"), ("example.com/a.png", "must begin with"), ("//example.com/a.png", "must begin with"),
    ("ftp://example.com/a.png", "must begin with"), ("file:///etc/passwd", "must begin with"), ("gopher://example.com/", "must begin with"),
    ("data:image/png;base64,aaaa", "must begin with"), ("javascript:alert(1)", "must begin with"), ("dict://example.com/", "must begin"),
    ("jar:http://example.com!/", "must begin with"), ("ws://example.com/", "must begin with"), ("unix:/run/x.sock", "must begin with"),
    ("https://user@example.com/", "user name"), ("https://user:word@example.com/", "user name"), ("https://@example.com/", "user name"),
    ("https://example.com@127.0.0.1/", "user name"), ("https://127.0.0.1:80@example.com/", "user name"),
    ("https://exa\tmple.com/", "control character"), ("https://example.com/\r\nHost: x", "control character"),
    ("https://example.com\\@127.0.0.1/", "backslash"), ("https:\\\\example.com/", "backslash"), ("https://example.com/\x00", "control"),
    ("https:///a", "no host"), ("https:example.com", "no host"), ("https://:80/", "no host"), ("https://./", "no host"),
    ("https://a..b/", "no host"), ("https://-a.example/", "no host"), ("https://a-.example/", "no host"), ("https://a b/", "no host"),
    ("https://exa%6dple.com/", "no host"), ("https://127.0.0.1%2f@x/", "user name"), ("https://[fe80::1%25eth0]/", "no host"),
    (f"https://{'a' * 64}.example/", "no host"), (f"https://{'a.' * 127}example/", "no host"), ("https://a*b.example/", "no host"),
    ("https://[::1/", "cannot be read"), ("https://[::g]/", "no host|cannot be read"), ("https://example.com:x/", "cannot be read"),
    ("https://example.com:65536/", "cannot be read"), ("https://\ud800.example/", "cannot be read"), ("https://a/\ud800", "cannot be read"),
    ("https://a℀b.example/", "cannot be read"), (f"https://{'ä' * 300}.example/", "cannot be read"),
    ("https://fa\u00df.example/", "two ways"), ("https://\u03b1\u03c2.example/", "two ways"),
    ("https://a\u200db.example/", "two ways"), ("https://a\u200cb.example/", "two ways"),
    (f"https://example.com/{'a' * 8192}", "longer than"),
    ("http://2130706433/", "number"), ("http://0x7f000001/", "number"), ("http://0x7f.0.0.1/", "number"), ("http://0177.0.0.1/", "number"),
    ("http://127.1/", "number"), ("http://127.0.1/", "number"), ("http://0/", "number"), ("http://00/", "number"), ("http://0x/", "number"),
    ("http://127.0.0.0x1/", "number"), ("http://example.1/", "number"), ("http://127.0.0.1.1/", "number"), ("http://256.0.0.1/", "number"),
    ("http://017700000001/", "number"), ("http://127.0.0.01/", "number"), ("http://2852039166/", "number"),
]  # fmt: skip
"""(URL, reason): refused as they are spelled."""
