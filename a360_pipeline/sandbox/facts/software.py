"""Programs and updates by name: what machines have installed, with its publisher."""

from __future__ import annotations

_LINUX = """
acl amazon-ssm-agent audit bash bind-libs bzip2 ca-certificates chrony cloud-init coreutils cronie
cryptsetup-libs curl dbus device-mapper dnf e2fsprogs expat file filesystem findutils gawk glibc gnupg2
grep grub2 gzip hostname iproute java-17-amazon-corretto jq kernel kmod krb5-libs less libcap libxml2
nginx openssh openssl pam python3 rsyslog sudo systemd tar tzdata util-linux vim-minimal xz zlib
"""
_WINDOWS = {
    "Microsoft Corporation": (
        "Microsoft Edge",
        "Microsoft Visual C++ Redistributable",
        "Microsoft .NET Runtime",
        "Microsoft SQL Server Native Client",
        "Microsoft Web Deploy",
        "Microsoft ODBC Driver for SQL Server",
        "Microsoft Monitoring Agent",
        "PowerShell 7",
        "IIS URL Rewrite Module",
        "Windows Admin Center",
    ),
    "Amazon Web Services": (
        "Amazon SSM Agent",
        "AWS Command Line Interface",
        "Amazon CloudWatch Agent",
        "AWS PV Drivers",
        "AWS Tools for Windows",
        "aws-cfn-bootstrap",
        "EC2Launch",
    ),
    "Northlight Freight": tuple(
        f"Northlight {name}"
        for name in (
            "Weighbridge",
            "Label Printer",
            "Depot Console",
            "Route Planner",
            "Customs Desk",
            "Gate Camera",
            "Pallet Tracker",
            "Shift Board",
            "Fuel Ledger",
            "Yard Map",
        )
    ),
    "Open source": (
        "7-Zip",
        "Git",
        "Node.js",
        "Notepad++",
        "OpenSSL Light",
        "PuTTY",
        "Python 3.12",
        "WinSCP",
        "Wireshark",
        "VLC media player",
        "KeePass",
        "Erlang OTP",
        "Apache Tomcat",
        "curl for Windows",
    ),
}

PROGRAMS: dict[str, dict[str, str]] = {
    "Linux": {name: "Amazon Linux" if name < "d" else "The package's maintainers" for name in _LINUX.split()},
    "Windows": {name: publisher for publisher, names in _WINDOWS.items() for name in names},
}
"""By platform type: the name of each program and its publisher."""

IN_TWO_VERSIONS = {"Linux": "kernel", "Windows": "Microsoft Visual C++ Redistributable"}
LINUX_TYPES = (
    "System Environment/Base",
    "System Environment/Libraries",
    "Applications/System",
    "Unspecified",
)
WINDOWS_UPDATES = (
    "Cumulative Update for Windows Server",
    "Servicing Stack Update for Windows Server",
    "Security Update for .NET Framework",
    "Update for Microsoft Defender Antivirus",
)
