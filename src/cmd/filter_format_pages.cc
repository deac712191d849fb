#include "cmd/filter_format_pages.h"

#include <fmt/format.h>

#include <array>
#include <span>

#include "cmd/format_pages.h"
#include "cmd/manual_page.h"
#include "config/greylist_words.h"
#include "config/milter_manager_conf.h"

namespace hikyaku::cmd {
namespace {

std::string words(std::span<const config::GreylistWord> all) {
  std::string page;
  for (const auto& one : all) {
    page += ".TP\n\\fB" + roff(one.word) + "\\fR " + roff(one.behind) + '\n' + roff(one.meaning);
    page += one.retired ? ". Retired: read, and told as having no effect.\n" : ".\n";
  }
  return page;
}

struct Part {
  std::string_view object, heading;
};
constexpr std::array kParts{Part{"manager", "MANAGER"},   Part{"controller", "CONTROLLER"},
                            Part{"security", "SECURITY"}, Part{"log", "LOG"},
                            Part{"milter", "A FILTER"},   Part{"package", "PACKAGE"},
                            Part{"database", "DATABASE"}};

}  // namespace

std::string page_head(std::string_view name, std::string_view version, std::string_view summary) {
  return fmt::format(".TH \"{}\" {} \"\" \"hikyaku {}\" \"Hikyaku\"\n.SH NAME\n{} \\- {}\n", roff(name),
                     kFormatSection, roff(version), roff(name), roff(summary));
}

std::string greylist_conf_page(std::string_view version) {
  return page_head("hikyaku-greylist.conf", version, "rules of greylisting") +
         ".SH DESCRIPTION\nThe file of milter\\-greylist 4.6, for\n.BR hikyaku\\-greylist (1)\nand for "
         "\\fBhikyaku_greylist\\fR in\n.BR hikyaku\\-main.cf (5).\nA line is a setting, a definition or a "
         "rule; it "
         "goes on behind a backslash; \\fB#\\fR begins a comment. Texts stand in double quotes,\nexpressions "
         "between "
         "slashes. A \\fITIME\\fR is a number of seconds, or one with s, m, h, d or w; a \\fINETWORK\\fR an "
         "address with or "
         "without \\fI/BITS\\fR.\nThe first rule of which all clauses hold decides. Its \\fIACTION\\fR is "
         "greylist, whitelist "
         "or blacklist; \\fBcontinue\\fR lets the next ones be looked\nat. \\fBdefault\\fR instead of "
         "clauses holds "
         "always. \\fBnot\\fR, or \\fB!\\fR, before a clause turns it round. Defaults stand in "
         "brackets.\n.PP\n"
         ".B hikyaku greylist check\ntells what is wrong, with line and column, and which rule decides on a "
         "client.\n"
         ".SH STATEMENTS\n" +
         words(config::greylist_statements()) + ".SH CLAUSES\n" + words(config::greylist_clauses()) +
         ".TP\n\\fB$\\fINAME\\fR \"TEXT\" | /REGEX/ | == NUMBER\nA property, of a urlcheck, an ldapcheck or "
         "set.\n"
         ".SH WHAT A RULE SAYS BESIDES\n" +
         words(config::greylist_rule_values()) +
         ".SH SEE ALSO\n.BR hikyaku\\-greylist (1),\n.BR hikyaku\\-main.cf (5)\n";
}

std::string milter_manager_conf_page(std::string_view version) {
  auto page =
      page_head("hikyaku-milter-manager.conf", version, "filters behind one socket") +
      ".SH DESCRIPTION\nThe file of milter\\-manager 2, for\n.BR hikyaku\\-milters (1).\nIt is a program of "
      "Ruby that sets "
      "what follows, and defines filters and conditions:\n.PP\n.EX\nmanager.connection_spec = "
      "\"inet:10025@[127.0.0.1]\"\ndefine_milter(\"dkim\") do |milter|\n  milter.connection_spec = "
      "\"inet:8891@127.0.0.1\"\n  milter.applicable_conditions = [\"Remote Network\"]\nend\n.EE\n.PP\n"
      ".B hikyaku milters check\ntells each setting with its place, and what is wrong. Times are in "
      "seconds.\n";
  const auto all = config::milter_manager_words();
  for (const auto& part : kParts) {
    page += fmt::format(".SH {}\n", part.heading);
    for (const auto& one : all) {
      if (one.object != part.object) continue;
      page += fmt::format(
          ".TP\n\\fB{}.{}\\fR{}\n", part.object, roff(one.name),
          one.call ? "" : " (default: " + (one.fallback.empty() ? "nil" : roff(one.fallback)) + ')');
      page += (one.counts ? "" : "Without effect: ") + roff(one.about) + ".\n";
    }
  }
  return page + ".SH SEE ALSO\n.BR hikyaku\\-milters (1),\n.BR hikyaku\\-main.cf (5)\n";
}

}  // namespace hikyaku::cmd
