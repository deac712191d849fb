#include "cmd/setup_command.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/escape.h"
#include "cmd/command_line.h"
#include "cmd/configuration_check.h"
#include "cmd/configuration_files.h"
#include "cmd/exit_code.h"
#include "cmd/setup_import.h"
#include "config/first_configuration.h"
#include "io/interfaces.h"
#include "io/synced_files.h"
#include "table/ip.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
constexpr const char* kName = "hikyaku setup";

struct Options {
  std::string directory = kDefaultDirectory, from;
  config::SetupAnswers answers;
  bool replace = false, dry_run = false, as_json = false;
};

/// Letters, digits and hyphens, with dots between (RFC 5321 s. 4.1.2), two labels at least.
bool is_domain(std::string_view name) {
  if (name.size() > 255 || !name.contains('.')) return false;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    const bool last = label.size() == name.size();
    const auto good = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (label.empty() || label.size() > 63 || label.starts_with('-') || label.ends_with('-') ||
        !std::ranges::all_of(label, good))
      return false;
    name.remove_prefix(label.size() + (last ? 0 : 1));
    if (name.empty() && !last) return false;  // a dot at the end
  }
  return true;
}

std::unexpected<Error> refuse(std::string text) { return fail(Fault::malformed, std::move(text)); }

/// Words that become values of main.cf must be one word each.
Result<void> validate(config::SetupAnswers& answers) {
  if (!is_domain(answers.hostname))
    return refuse("--host \"" + escaped(answers.hostname) +
                  "\": wanted is a name with its domain, as mail.example.com");
  for (const auto& domain : answers.domains) {
    if (!is_domain(domain))
      return refuse("--domain \"" + escaped(domain) + "\": that is no name of a domain");
  }
  for (auto& network : answers.networks) {
    const auto parsed = table::Network::parse(network);
    if (!parsed) return refuse("--network \"" + escaped(network) + "\": " + parsed.error().text);
    // As mynetworks has IPv6: [2001:db8::]/32.
    if (network.contains(':') && !network.starts_with('[')) {
      const auto slash = std::min(network.find('/'), network.size());
      network = '[' + network.substr(0, slash) + ']' + network.substr(slash);
    }
  }
  if (answers.key.empty()) answers.key = answers.certificate;
  if (answers.certificate.empty() && !answers.key.empty()) return refuse("--key needs --certificate");
  for (const auto* word : {&answers.relay, &answers.certificate, &answers.key}) {
    if (std::ranges::any_of(*word, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '$'; }))
      return refuse('"' + escaped(*word) + "\": blanks and dollar signs can't stand in this value");
  }
  return {};
}

/// The next line that is typed; nothing: the default. nullopt: the end.
std::optional<std::string> ask(const std::string& question, const std::string& otherwise) {
  std::printf("%s%s: ", question.c_str(), otherwise.empty() ? "" : (" [" + otherwise + ']').c_str());
  std::fflush(stdout);
  std::string line;
  for (int c = 0; (c = std::getchar()) != '\n';) {
    if (c == EOF) return std::nullopt;
    line += static_cast<char>(c);
  }
  return line.empty() ? otherwise : line;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find_first_of(" ,\t"));
    if (!word.empty()) words.emplace_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return words;
}

/// What was not given as an option. false: the input ended.
bool ask_all(config::SetupAnswers& answers) {
  struct Question {
    const char* text;
    std::string* word;
    std::vector<std::string>* list;
  };
  const Question questions[] = {
      {"The name of this server, which the world can find", &answers.hostname, nullptr},
      {"The domains whose people have their mail here (none: enter)", nullptr, &answers.domains},
      {"Networks that may send without a login, besides this machine (none: enter)", nullptr,
       &answers.networks},
      {"The server that mail for the world goes to, [NAME]:PORT (none, straight to each domain's: enter)",
       &answers.relay, nullptr},
      {"The file of the certificate, with its chain (none: enter)", &answers.certificate, nullptr},
  };
  for (const auto& question : questions) {
    const auto answer = ask(question.text, question.word != nullptr ? *question.word : std::string{});
    if (!answer) return false;
    if (question.word != nullptr) {
      *question.word = *answer;
    } else {
      *question.list = words_of(*answer);
    }
  }
  if (answers.certificate.empty()) return true;
  const auto key = ask("The file of its key", answers.certificate);
  if (!key) return false;
  answers.key = *key;
  return true;
}

/// This host's name where it is one with a domain, else one in the first domain.
std::string likely_hostname(const config::SetupAnswers& answers) {
  auto name = io::host_name();
  if (is_domain(name) && !name.starts_with("localhost")) return name;
  return answers.domains.empty() ? std::string{} : "mail." + answers.domains.front();
}

int write_first(Options& options, bool asks) {
  auto& answers = options.answers;
  if (answers.hostname.empty()) answers.hostname = likely_hostname(answers);
  if (asks && !ask_all(answers)) {
    std::fprintf(stderr, "\n%s: the input has ended: nothing was written\n", kName);
    return EX_NOINPUT;
  }
  if (auto good = validate(answers); !good) return tell_error(kName, good.error());
  const auto texts = config::first_configuration(answers);
  if (options.dry_run) {
    fmt::print("# main.cf\n{}\n# master.cf\n{}", texts.main, texts.master);
    return EX_OK;
  }
  const config::FileTexts files{.main_name = options.directory + "/main.cf",
                                .main_text = texts.main,
                                .master_name = options.directory + "/master.cf",
                                .master_text = texts.master};
  const auto checked = check_configuration(files, options.directory);
  if (checked.failed) {
    print(checked, options.directory, options.as_json);
    std::fprintf(stderr, "%s: nothing was written\n", kName);
    return EX_CONFIG;
  }
  SetupReport report(options.as_json);
  if (auto ready = make_room(options.directory, options.replace, report); !ready)
    return tell_setup_error(kName, ready.error());
  for (const auto& [name, text] :
       {std::pair(files.main_name, &texts.main), std::pair(files.master_name, &texts.master)}) {
    if (auto written = io::replace_synced(name, *text); !written)
      return tell_setup_error(kName, written.error());
    // For all to read: there is nothing secret in it, and the hub is not root.
    if (::chmod(name.c_str(), 0644) != 0)
      return tell_setup_error(
          kName, {Fault::permanent, "change the mode of " + escaped(name) + ": " + std::strerror(errno)});
    report.written(name);
  }
  print(checked, options.directory, options.as_json);
  return EX_OK;
}

bool is_interactive(const config::SetupAnswers& answers) {
  const bool given = !answers.hostname.empty() || !answers.domains.empty() || !answers.networks.empty() ||
                     !answers.relay.empty() || !answers.certificate.empty();
  return !given && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace

int setup_command(int argc, char** argv) {
  CommandLine app{kName, "Writes the first main.cf and master.cf, or copies those of a Postfix."};
  Options options;
  auto& answers = options.answers;
  app.config_directory(options.directory);
  app.option("--host", &answers.hostname, "the name of this server: mail.example.com (default: this host's)");
  app.option("--domain", &answers.domains,
             "a domain whose people have their mail here; may be given several times");
  app.option("--network", &answers.networks,
             "who may send without a login, besides this machine: 192.0.2.0/24");
  app.option("--relay", &answers.relay,
             "the server that mail for the world goes to, as relayhost has it: [NAME]:PORT");
  app.option("--certificate", &answers.certificate, "a certificate with its chain (PEM): TLS, logins, POP3");
  app.option("--key", &answers.key, "its key (default: in the same file)");
  app.option("--from", &options.from,
             "instead: copy the folder of a Postfix, and tell what does not carry over");
  app.flag("--replace", options.replace,
           "where there are such files: keep them as main.cf.1, and write new ones");
  app.flag("--dry-run", options.dry_run, "write nothing, and print what would be written");
  app.flag("--json", options.as_json, "one JSON object a line");
  app.footer(
      "Examples:\n"
      "  hikyaku setup                      # asks, on a terminal\n"
      "  hikyaku setup --host mail.example.com --domain example.com --certificate /etc/ssl/mail.pem\n"
      "  hikyaku setup --relay '[smtp.example.net]:587' --dry-run\n"
      "  hikyaku setup --from /etc/postfix\n"
      "A folder of Postfix is never written to. Ends with 73 where there are files already, with 78 where "
      "the hub would\n"
      "not start on what came out.");
  if (const auto end = app.parse(argc, argv)) return *end;
  if (!options.from.empty()) {
    for (const auto* other : {"--host", "--domain", "--network", "--relay", "--certificate", "--key"}) {
      if (app.given(other))
        return tell_error(kName,
                          {Fault::malformed, std::string("--from: ") + other + " has no use beside it"});
    }
    return import_postfix(
        {options.from, options.directory, options.replace, options.dry_run, options.as_json});
  }
  const bool asks = is_interactive(answers);
  if (!asks && answers.hostname.empty() && answers.domains.empty() && answers.relay.empty())
    return tell_error(kName, {Fault::malformed, "say --host, --domain or --relay; on a terminal it asks"});
  if (options.dry_run && options.as_json)
    return tell_error(kName, {Fault::malformed, "--dry-run prints the files themselves, not --json"});
  return write_first(options, asks);
}

}  // namespace hikyaku::cmd
