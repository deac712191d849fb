#include "config/first_configuration.h"

#include <string_view>

namespace hikyaku::config {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view before) {
  std::string text;
  for (const auto& word : words) text.append(before).append(word);
  return text;
}

constexpr std::string_view kHead =
    "# Written by `hikyaku setup`, in the syntax of Postfix's main.cf(5), for you to go on with.\n"
    "# `hikyaku config check` tells what is wrong, `hikyaku config show --all` each parameter with its "
    "default,\n"
    "# `hikyaku explain` what would become of a message. A running hub takes a change at its reload.\n"
    "\n"
    "# The defaults are those of Postfix 3.6 and later.\n"
    "compatibility_level = 3.6\n";

constexpr std::string_view kSubmission =
    "# For the programs of people, who log in (`hikyaku user add NAME`), and may then send to everywhere. "
    "Nothing\n"
    "# is said before TLS.\n"
    "submission inet n      -       n       -       -       smtpd\n"
    "  -o smtpd_tls_security_level=encrypt\n"
    "  -o smtpd_sasl_auth_enable=yes\n"
    "  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n"
    "submissions inet n     -       n       -       -       smtpd\n"
    "  -o smtpd_tls_wrappermode=yes\n"
    "  -o smtpd_sasl_auth_enable=yes\n"
    "  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n"
    "# For people who read their mail.\n"
    "pop3s     inet  n       -       n       -       -       pop3\n"
    "  -o smtpd_tls_wrappermode=yes\n";

std::string commented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n') + 1);
    text.remove_prefix(line.size());
    out.append(line.starts_with('#') ? "" : "#").append(line);
  }
  return out;
}

std::string main_text(const SetupAnswers& answers) {
  std::string text(kHead);
  text +=
      "\n# How this server greets and signs. The name must lead to its address, and the address back to the\n"
      "# name: many servers refuse mail from one of which that is not so.\n"
      "myhostname = " +
      answers.hostname + '\n';
  text +=
      "\n# Mail for this machine itself, as that of its jobs, is for its people with a login, and where "
      "/etc/aliases\n"
      "# sends them.\n"
      "mydestination = $myhostname, localhost.$mydomain, localhost\n";
  if (!answers.domains.empty()) {
    text +=
        "\n# Mail for these domains stays here, in the mailboxes of those whom `hikyaku user add joe@DOMAIN` "
        "knows: they\n"
        "# read it, and send, as that user. All others are refused while the client is there.\n"
        "virtual_mailbox_domains =" +
        joined(answers.domains, " ") +
        "\nvirtual_mailbox_maps = users:$hikyaku_user_file\n"
        "\n# Each domain must have its postmaster (RFC 5321 s. 4.5.1): /etc/aliases says who reads that.\n"
        "virtual_alias_maps = inline:{";
    for (const auto& domain : answers.domains)
      text += " { postmaster@" + domain + " = postmaster@" + answers.hostname + " }";
    text += " }\n";
  }
  text += answers.domains.empty() ? "\n# No domain has its mailboxes here, so mail comes from this machine "
                                    "alone. `all` when that changes.\n"
                                    "inet_interfaces = loopback-only\n"
                                  : "\n# Mail from outside comes to all addresses of this machine.\n"
                                    "inet_interfaces = all\n";
  text +=
      "\n# Who may send to everywhere without a login. Each address here is trusted: a network with machines "
      "of\n"
      "# strangers makes this server a relay for all.\n"
      "mynetworks = 127.0.0.0/8 [::1]/128" +
      joined(answers.networks, " ") + '\n';
  text +=
      "\n# All others may only send to the domains above.\n"
      "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination\n";
  text += answers.relay.empty()
              ? "\n# Mail for the world goes straight to the servers of each domain.\nrelayhost =\n"
              : "\n# Mail for the world goes to this server. In brackets a name is a host's; without "
                "them its MX records are\n# asked for.\nrelayhost = " +
                    answers.relay + '\n';
  text += "\n# To other servers: TLS where they offer it.\nsmtp_tls_security_level = may\n";
  if (answers.certificate.empty()) {
    text +=
        "\n# From others: without a certificate there is no TLS, and nobody can log in. With one:\n"
        "#smtpd_tls_cert_file = /etc/ssl/certs/FILE\n"
        "#smtpd_tls_key_file = /etc/ssl/private/FILE\n"
        "#smtpd_tls_security_level = may\n"
        "#smtpd_tls_auth_only = yes\n";
  } else {
    text +=
        "\n# From others: TLS is offered, and passwords are taken under it alone. The files are read again "
        "when they\n"
        "# change, as a renewal does it.\n"
        "smtpd_tls_cert_file = " +
        answers.certificate + "\nsmtpd_tls_key_file = " + answers.key +
        "\nsmtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\n";
  }
  text +=
      "\n# What goes wrong stays in here: the hub writes below its own folders alone, runs no program, and "
      "is refused\n"
      "# system calls that no mail server needs (`hikyaku config show --confinement`). Backups and new "
      "databases go to\n"
      "# folders that are named here, and in ReadWritePaths= of the service.\n"
      "hikyaku_confinement = yes\n"
      "hikyaku_writable_directories =\n";
  return text;
}

}  // namespace

ConfigurationTexts first_configuration(const SetupAnswers& answers) {
  std::string master =
      "# Written by `hikyaku setup`, in the syntax of Postfix's master.cf(5).\n"
      "# service type  private unpriv  chroot  wakeup  maxproc command + args\n"
      "smtp      inet  n       -       n       -       -       smtpd\n";
  master += answers.certificate.empty() ? "# These want a certificate in main.cf.\n" + commented(kSubmission)
                                        : std::string(kSubmission);
  master +=
      "# By these lines mail leaves.\n"
      "smtp      unix  -       -       n       -       -       smtp\n"
      "relay     unix  -       -       n       -       -       smtp\n"
      "local     unix  -       n       n       -       -       local\n"
      "virtual   unix  -       n       n       -       -       virtual\n"
      "lmtp      unix  -       -       n       -       -       lmtp\n"
      "error     unix  -       -       n       -       -       error\n"
      "discard   unix  -       -       n       -       -       discard\n";
  return {main_text(answers), std::move(master)};
}

}  // namespace hikyaku::config
