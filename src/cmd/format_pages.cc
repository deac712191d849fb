#include "cmd/format_pages.h"

#include <fmt/format.h>

#include <array>

#include "cmd/filter_format_pages.h"
#include "cmd/manual_page.h"
#include "cmd/table_format_page.h"
#include "config/parameters.h"

namespace hikyaku::cmd {
namespace {

using config::Parameter;

/// What a parameter is to the hub.
enum class Part : unsigned char { own, used, unused };
struct PartText {
  Part part;
  std::string_view heading, about;
};
constexpr std::array kParts{
    PartText{Part::own, "Parameters of the hub", "Postfix does not know them, and tells of them as unused."},
    PartText{Part::used, "Parameters of Postfix that count",
             "With Postfix's meaning, as postconf(5) has it, and its default where none is told."},
    PartText{
        Part::unused, "Parameters of Postfix that do not count",
        "Each that is set is told by `hikyaku config check`, with its line and what that means for mail."}};

Part part_of(const Parameter& parameter) {
  return parameter.own ? Part::own : parameter.used ? Part::used : Part::unused;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string main_cf(std::string_view version) {
  auto page = page_head("hikyaku-main.cf", version, "parameters of the hub");
  page +=
      ".SH DESCRIPTION\nThe file has the syntax of Postfix's main.cf, in the folder that\n.B \\-c\nnames "
      "(default\n"
      ".IR /etc/hikyaku ).\nA line that begins with a blank continues the one before; \\fB#\\fR begins a "
      "comment; "
      "\\fB$name\\fR is the value of another\nparameter; the last definition counts.\n.PP\n"
      ".B hikyaku config check\ntells what is wrong, with file, line and column;\n.B hikyaku config show "
      "\\-\\-all\n"
      "prints each parameter with its value.\n";
  for (const auto& part : kParts) {
    page += ".SH " + upper(part.heading) + '\n' + roff(part.about) + '\n';
    for (const auto& parameter : config::parameters()) {
      if (part_of(parameter) != part.part) continue;
      page += ".TP\n\\fB" + roff(parameter.name) + "\\fR (" + std::string(text(parameter.kind)) +
              "; default: " + (parameter.fallback.empty() ? "empty" : roff(parameter.fallback)) + ")\n";
      page += parameter.meaning.empty() ? "See\n.BR postconf (5).\n" : roff(parameter.meaning) + '\n';
    }
  }
  return page +
         ".SH SEE ALSO\n.BR hikyaku\\-serve (8),\n.BR hikyaku\\-config (1),\n.BR hikyaku\\-master.cf (5)\n";
}

std::string master_cf(std::string_view version) {
  struct Line {
    std::string_view service, what;
  };
  constexpr std::array kLines{
      Line{"... inet ... smtpd",
           "a port that takes mail: NUMBER, NAME of services(5), HOST:PORT, [ADDRESS]:PORT"},
      Line{"... inet ... postscreen", "the same, with the -o settings of the line smtpd pass"},
      Line{"... inet ... pop3", "a port for people who read their mail"},
      Line{"... unix ... smtp", "a transport by SMTP, of the name that begins the line"},
      Line{"... unix ... lmtp", "a transport by LMTP"},
      Line{"... unix ... local, virtual", "delivery into the mailbox store"},
      Line{"... unix ... error, discard", "a transport that returns mail, or drops it"},
      Line{"... unix ... pickup", "local mail by sendmail; of the line the -o settings count"},
      Line{"cleanup, qmgr, rewrite, bounce, ...", "part of the hub: accepted, without effect"},
      Line{"pipe, spawn and all others", "told as a warning; mail for such a transport waits in the queue"}};
  auto page = page_head("hikyaku-master.cf", version, "services of the hub");
  page +=
      ".SH DESCRIPTION\nThe file has the syntax of Postfix's master.cf, beside main.cf: lines of\n.PP\n.EX\n"
      "service type private unpriv chroot wakeup maxproc command arguments\n.EE\n.PP\n"
      "of which the hub reads service, type, maxproc of a port, chroot (where it is y for smtpd or cleanup, "
      "absolute paths of filters' sockets are below queue_directory), command and arguments. "
      "\\fB\\-o name=value\\fR, or \\fB\\-o { name = value }\\fR,\nsets a parameter for that service "
      "alone.\n.SH SERVICES\n";
  for (const auto& line : kLines)
    page += ".TP\n\\fB" + roff(line.service) + "\\fR\n" + roff(line.what) + "\n";
  return page + ".SH SEE ALSO\n.BR hikyaku\\-serve (8),\n.BR hikyaku\\-main.cf (5)\n";
}

constexpr std::array kPages{
    FormatPage{"main.cf", "hikyaku-main.cf", main_cf},
    FormatPage{"master.cf", "hikyaku-master.cf", master_cf},
    FormatPage{"greylist.conf", "hikyaku-greylist.conf", greylist_conf_page},
    FormatPage{"milter-manager.conf", "hikyaku-milter-manager.conf", milter_manager_conf_page},
    FormatPage{"tables", "hikyaku-tables", tables_page}};

/// In a table of Markdown.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

}  // namespace

std::span<const FormatPage> format_pages() { return kPages; }

std::string parameter_reference() {
  std::string page =
      "# Parameters\n\nMade by `hikyaku manual --reference` from the table that the program reads by. What a "
      "value may "
      "hold, how lines are\nwritten, and what is not as in Postfix stands in "
      "[configuration.md](configuration.md).\n";
  for (const auto& part : kParts) {
    page +=
        fmt::format("\n## {}\n\n{}\n\n| name | kind | default |{}\n|---|---|---|{}\n", part.heading,
                    part.about, part.part == Part::used ? "" : " |", part.part == Part::used ? "" : "---|");
    for (const auto& parameter : config::parameters()) {
      if (part_of(parameter) != part.part) continue;
      page += fmt::format("| `{}` | {} | {} |", parameter.name, text(parameter.kind),
                          parameter.fallback.empty() ? "" : '`' + cell(parameter.fallback) + '`');
      page += part.part == Part::used ? "\n" : ' ' + cell(parameter.meaning) + " |\n";
    }
  }
  return page;
}

}  // namespace hikyaku::cmd
