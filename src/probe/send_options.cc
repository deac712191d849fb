#include <array>

#include "probe/send_arguments.h"

namespace hikyaku::probe {
namespace {

using Takes = SendOption::Takes;
constexpr auto kValue = Takes::value;
constexpr auto kMaybe = Takes::maybe;

constexpr std::string_view kNoDump = "a dump of the options is not made; --dump-mail shows the message";

constexpr auto kOptions = std::to_array<SendOption>({
    // Where to connect
    {"server s", kValue, "Server: "},
    {"port p", kValue, "Port: "},
    {"local-interface li local-address", kValue, "Interface: "},
    {"local-port lp lport", kValue, "Local Port: "},
    {"copy-routing", kValue},
    {"dns-server", kValue},
    {"4"},
    {"6"},
    {"socket", kValue, "Socket File: "},
    {"pipe", kValue, "Pipe: "},
    // The conversation
    {"to t", kValue, "To: "},
    {"from f", kValue, "From: "},
    {"helo ehlo lhlo h", kValue, "Helo: "},
    {"quit-after quit q", kValue},
    {"drop-after da", kValue},
    {"drop-after-send das", kValue},
    {"timeout", kValue, "Timeout: "},
    {"protocol", kValue},
    {"pipeline"},
    {"prdr"},
    {"force-getpwuid"},
    // TLS
    {"tls"},
    {"tls-optional tlso"},
    {"tls-optional-strict tlsos"},
    {"tls-on-connect tlsc"},
    {"starttls", kValue},
    {"tls-protocol tlsp", kValue},
    {"tls-cipher", kValue},
    {"tls-verify"},
    {"tls-verify-ca"},
    {"tls-verify-host"},
    {"tls-ca-path tls-ca", kValue},
    {"tls-cert", kValue},
    {"tls-key", kValue},
    {"tls-get-peer-cert", kMaybe},
    {"tls-sni sni", kValue},
    // Authentication
    {"auth a", kMaybe},
    {"auth-optional ao", kMaybe},
    {"auth-optional-strict aos", kMaybe},
    {"auth-user au user", kValue, "Username: "},
    {"auth-password ap", kValue, "Password: "},
    {"password-file", kValue},
    {"password-fd", kValue},
    {"auth-extra ae", kValue, "", false, "it is for DIGEST-MD5 and NTLM, which are not spoken here"},
    {"auth-map am", kValue},
    {"auth-plaintext apt"},
    {"auth-hide-password ahp", kMaybe},
    {"show-secrets"},
    // XCLIENT and PROXY
    {"xclient-addr", kValue, "XCLIENT ADDR: "},
    {"xclient-name", kValue, "XCLIENT NAME: "},
    {"xclient-port", kValue, "XCLIENT PORT: "},
    {"xclient-proto", kValue, "XCLIENT PROTO: "},
    {"xclient-destaddr", kValue, "XCLIENT DESTADDR: "},
    {"xclient-destport", kValue, "XCLIENT DESTPORT: "},
    {"xclient-helo", kValue, "XCLIENT HELO: "},
    {"xclient-login", kValue, "XCLIENT LOGIN: "},
    {"xclient-reverse-name", kValue, "XCLIENT REVERSE_NAME: "},
    {"xclient", kValue, "XCLIENT: "},
    {"xclient-delim"},
    {"xclient-no-verify"},
    {"xclient-before-starttls"},
    {"xclient-optional"},
    {"xclient-optional-strict"},
    {"proxy-version", kValue},
    {"proxy", kValue, "PROXY: "},
    {"proxy-family", kValue, "PROXY family: "},
    {"proxy-protocol", kValue, "PROXY protocol: "},
    {"proxy-command", kValue, "PROXY command: "},
    {"proxy-source", kValue, "PROXY source: "},
    {"proxy-source-port", kValue, "PROXY source port: "},
    {"proxy-dest", kValue, "PROXY destination: "},
    {"proxy-dest-port", kValue, "PROXY destination port: "},
    // The message
    {"data d", kValue, "Data: ", true},
    {"g", Takes::nothing},
    {"dump-as-body dab", kMaybe, "", false, kNoDump},
    {"dump-as-body-shows-password dabsp", Takes::nothing, "", false, kNoDump},
    {"body", kValue, "Body: ", true},
    {"attach", kValue, "", true},
    {"attach-body", kValue, "", true},
    {"attach-type", kValue},
    {"attach-name", kMaybe},
    {"add-header ah", kValue},
    {"header", kValue},
    {"no-data-fixup ndf"},
    {"no-strip-from nsf"},
    // What is printed
    {"suppress-data n"},
    {"show-time-lapse stl", kMaybe},
    {"no-info-hints nih"},
    {"no-send-hints nsh"},
    {"no-receive-hints nrh"},
    {"no-hints nth"},
    {"show-raw-text raw", Takes::nothing, "", false,
     "no hex dump is made; --json shows each octet that is no text as \\xHH"},
    {"output-file output", kValue},
    {"output-file-stdout", kValue},
    {"output-file-stderr", kValue},
    {"protect-prompt pp"},
    {"hide-receive hr"},
    {"hide-send hs"},
    {"hide-informational hi"},
    {"hide-all ha"},
    {"silent S", kMaybe},
    {"support", Takes::nothing, "", false, "all that this program can do is built in"},
    {"dump-mail"},
    {"dump", kMaybe, "", false, kNoDump},
    {"json"},
    {"config", kMaybe},
    {"help"},
    {"version"},
});

}  // namespace

std::span<const SendOption> send_options() { return kOptions; }

}  // namespace hikyaku::probe
