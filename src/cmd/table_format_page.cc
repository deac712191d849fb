#include "cmd/table_format_page.h"

#include <array>
#include <span>

#include "cmd/filter_format_pages.h"
#include "cmd/manual_page.h"

namespace hikyaku::cmd {
namespace {

struct Row {
  std::string_view name, about;
};

constexpr std::array kTypes{
    Row{"hash:FILE, btree:FILE",
        "The text FILE where it is newer than FILE.db, or there is no such; else FILE.db as postmap wrote "
        "it. "
        "No postmap is needed."},
    Row{"lmdb:FILE, cdb:FILE", "The same with FILE.lmdb and FILE.cdb."},
    Row{"texthash:FILE", "The text alone."},
    Row{"inline:{ KEY=VALUE, { KEY = VALUE }, ... }", "What stands in main.cf itself."},
    Row{"static:VALUE", "VALUE for every key."},
    Row{"regexp:FILE, pcre:FILE", "Rules that are tried in their order, each on the whole key."},
    Row{"cidr:FILE", "Networks, in their order, for addresses of clients."},
    Row{"users:FILE", "Whom hikyaku user knows: \"user\"."},
    Row{"unix:passwd.byname, unix:group.byname", "The users and groups of the machine."},
    Row{"unionmap:{ TABLE, ... }", "What all of them answer, with commas between."},
    Row{"pipemap:{ TABLE, ... }", "The answer of each is the key of the next."},
    Row{"randmap:{ VALUE, ... }", "One of them, drawn anew for each question."},
    Row{"socketmap:inet:HOST:PORT:NAME, socketmap:unix:PATH:NAME",
        "A server that is asked by Sendmail's protocol."},
    Row{"tcp:HOST:PORT", "A server that is asked as tcp_table(5) says."},
    Row{"sqlite:FILE, pgsql:FILE, ldap:FILE",
        "A database or a directory; FILE has the settings of sqlite_table(5), pgsql_table(5) and "
        "ldap_table(5)."},
    Row{"proxy:TABLE", "TABLE itself: the hub has nothing between."},
    Row{"fail:WORD", "No answer, ever: mail that asks waits. For tests."}};

constexpr std::array kKeys{
    Row{"canonical_maps, virtual_alias_maps, smtp_generic_maps, sender_dependent_*",
        "user+extension@domain, user@domain, user+extension and user where the domain is the machine's own, "
        "@domain."},
    Row{"transport_maps", "user+extension@domain, user@domain, domain, .parent domains, *."},
    Row{"access(5), of check_client_access and its like",
        "the name and its parent domains, with or without a leading dot as parent_domain_matches_subdomains "
        "says; the address "
        "and its networks, octet by octet; of senders and recipients the address, the domain, user@."},
    Row{"alias_maps", "user+extension, user."}};

std::string rows(std::span<const Row> all) {
  std::string page;
  for (const auto& row : all) page += ".TP\n\\fB" + roff(row.name) + "\\fR\n" + roff(row.about) + '\n';
  return page;
}

}  // namespace

std::string tables_page(std::string_view version) {
  return page_head("hikyaku-tables", version, "lookup tables") +
         ".SH DESCRIPTION\nA parameter of\n.BR hikyaku\\-main.cf (5)\nwhose name ends in _maps holds tables, "
         "TYPE:NAME, which are asked "
         "in their order; the first that has the key answers.\nA table that can't answer has the mail "
         "wait.\n.PP\n"
         ".B hikyaku table query\nprints what a table answers, from which line, and the keys that were "
         "tried;\n.B hikyaku table "
         "check\ntells what is wrong with one. A changed file counts within a second or two.\n.SH TYPES\n" +
         rows(kTypes) +
         ".SH FILES\n.SS Text (hash, btree, lmdb, cdb, texthash)\nA line has a key, blanks, and a value. One "
         "that begins with a blank "
         "goes on with the line before; # at the beginning of a line begins a comment. Keys are\nfound "
         "whatever their case.\n"
         ".SS Aliases (alias_maps)\nA line has a name, a colon, and what mail for it becomes, with commas "
         "between: addresses, "
         ":include:FILE. A name with blanks, or a destination with them, stands in quotes.\nA program (|) is "
         "run where\n\\fBallow_mail_to_commands\\fR is set; else, and for a file (/), the mail is returned "
         "with the alias named.\n"
         ".SS Rules (regexp, pcre)\n/PATTERN/FLAGS VALUE, where $1 in VALUE is what the first parenthesis "
         "matched; if /PATTERN/ and endif "
         "around rules, ! before a pattern for what does not match.\n"
         ".SS Networks (cidr)\nADDRESS/BITS VALUE, or an address alone; if and endif as well.\n"
         ".SH KEYS\nIn the order in which they are looked up:\n" +
         rows(kKeys) + ".SH SEE ALSO\n.BR hikyaku\\-table (1),\n.BR hikyaku\\-main.cf (5)\n";
}

}  // namespace hikyaku::cmd
