#include "config/master_cf.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "config/logical_lines.h"

namespace hikyaku::config {
namespace {

struct Port {
  std::string_view name;
  std::uint16_t number;
};

constexpr std::array kPorts{
    Port{"smtp", 25},   Port{"mail", 25},   Port{"submission", 587}, Port{"submissions", 465},
    Port{"smtps", 465}, Port{"urd", 465},   Port{"lmtp", 24},        Port{"pop3", 110},
    Port{"pop-3", 110}, Port{"pop3s", 995}, Port{"imap", 143},       Port{"imap2", 143},
    Port{"imaps", 993}, Port{"http", 80},   Port{"https", 443},      Port{"ldap", 389},
    Port{"ldaps", 636}, Port{"qmqp", 628},
};

struct Command {
  std::string_view name;
  Service::Role role;
};

constexpr std::array kCommands{
    Command{"smtpd", Service::Role::smtp_server},     Command{"smtp", Service::Role::smtp_client},
    Command{"pop3", Service::Role::pop3_server},      Command{"lmtp", Service::Role::lmtp_client},
    Command{"error", Service::Role::error},           Command{"discard", Service::Role::discard},
    Command{"local", Service::Role::local},           Command{"virtual", Service::Role::local},
    Command{"cleanup", Service::Role::inner},         Command{"qmgr", Service::Role::inner},
    Command{"oqmgr", Service::Role::inner},           Command{"nqmgr", Service::Role::inner},
    Command{"trivial-rewrite", Service::Role::inner}, Command{"bounce", Service::Role::inner},
    Command{"verify", Service::Role::inner},          Command{"flush", Service::Role::inner},
    Command{"proxymap", Service::Role::inner},        Command{"showq", Service::Role::inner},
    Command{"anvil", Service::Role::inner},           Command{"scache", Service::Role::inner},
    Command{"pickup", Service::Role::pickup},         Command{"postlogd", Service::Role::inner},
    Command{"tlsmgr", Service::Role::inner},          Command{"tlsproxy", Service::Role::inner},
    Command{"dnsblog", Service::Role::inner},
};

constexpr std::array<std::pair<std::string_view, Service::Kind>, 5> kKinds{{
    {"inet", Service::Kind::inet},
    {"unix", Service::Kind::unix_socket},
    {"fifo", Service::Kind::fifo},
    {"pass", Service::Kind::pass},
    {"unix-dgram", Service::Kind::unix_datagram},
}};

/// A word of a line. One in {} has lost them, and the white space inside them.
struct Word {
  std::string text;
  SourceText::Place place;
  bool braced = false;
};

/// The end of the word that begins at `begin`: white space outside of {}.
std::size_t word_end(std::string_view text, std::size_t begin) {
  std::size_t level = 0;
  for (auto at = begin; at < text.size(); ++at) {
    if (text[at] == '{') {
      ++level;
    } else if (text[at] == '}' && level > 0) {
      --level;
    } else if (level == 0 && kWhiteSpace.contains(text[at])) {
      return at;
    }
  }
  return level == 0 ? text.size() : std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

/// Takes { and } and the white space inside them off; false if the first { is not closed by the last octet.
bool strip_braces(std::string_view& word) {
  std::size_t level = 0;
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (word[at] == '{') ++level;
    if (word[at] == '}' && --level == 0 && at + 1 < word.size()) return false;
  }
  word = trimmed(word.substr(1, word.size() - 2));
  return true;
}

/// Reads one line of master.cf. After the first fault the line is given up.
class LineReader {
 public:
  LineReader(const SourceText& line, Diagnostics& diagnostics) : line_(line), diagnostics_(diagnostics) {}
  std::optional<Service> read();

 private:
  bool split();
  bool read_fields();
  bool read_endpoint();
  bool read_arguments();
  bool read_override(const Word& word);
  bool read_flag(std::size_t field, std::optional<bool>& flag);
  bool check_wakeup();
  void find_role();
  void tell(Diagnostic::Level level, SourceText::Place place, std::string text) {
    diagnostics_.add(
        {.level = level, .where = place.origin, .column = place.column, .text = std::move(text)});
  }
  bool fault(SourceText::Place place, std::string text) {
    tell(Diagnostic::Level::error, place, std::move(text));
    return false;
  }

  const SourceText& line_;
  Diagnostics& diagnostics_;
  std::vector<Word> words_;
  Service service_;
};

constexpr std::size_t kFields = 8;

std::optional<Service> LineReader::read() {
  service_.origin = line_.place(0).origin;
  if (!split() || !read_fields()) return std::nullopt;
  if (service_.kind == Service::Kind::inet && !read_endpoint()) return std::nullopt;
  if (!read_arguments()) return std::nullopt;
  find_role();
  return std::move(service_);
}

bool LineReader::split() {
  const std::string_view text = line_.text();
  for (auto at = text.find_first_not_of(kWhiteSpace); at != std::string_view::npos;) {
    const auto end = word_end(text, at);
    if (end == std::string_view::npos)
      return fault(line_.place(at + text.substr(at).find('{')), "\"{\" is not closed");
    auto word = text.substr(at, end - at);
    Word result{.place = line_.place(at)};
    if (words_.size() >= kFields && word.starts_with('{')) {
      if (!strip_braces(word))
        return fault(line_.place(at), "nothing may stand behind the } that closes this {");
      result.braced = true;
    }
    result.text = word;
    words_.push_back(std::move(result));
    at = text.find_first_not_of(kWhiteSpace, end);
  }
  if (words_.size() >= kFields) return true;
  return fault(line_.place(0),
               "a service has 8 fields (name type private unpriv chroot wakeup maxproc command), but this "
               "line has " +
                   std::to_string(words_.size()));
}

bool LineReader::read_flag(std::size_t field, std::optional<bool>& flag) {
  const auto& word = words_[field];
  if (word.text == "-") return true;
  if (word.text != "y" && word.text != "n") return fault(word.place, "this field is y, n or -");
  flag = word.text == "y";
  return true;
}

bool LineReader::check_wakeup() {
  std::string_view text = words_[5].text;
  if (text == "-") return true;
  if (text.ends_with('?')) text.remove_suffix(1);
  if (!text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return true;
  return fault(words_[5].place, "the wakeup time is a number of seconds, with or without ?, or -");
}

bool LineReader::read_fields() {
  service_.name = words_[0].text;
  const auto kind = std::ranges::find(kKinds, words_[1].text, [](const auto& entry) { return entry.first; });
  if (kind == kKinds.end()) return fault(words_[1].place, "the type is inet, unix, fifo, pass or unix-dgram");
  service_.kind = kind->second;
  std::optional<bool> unprivileged;
  if (!read_flag(2, service_.is_private) || !read_flag(3, unprivileged) || !read_flag(4, service_.chroot))
    return false;
  if (!check_wakeup()) return false;
  const auto& limit = words_[6];
  if (limit.text != "-") {
    std::int64_t number = 0;
    const char* end = limit.text.data() + limit.text.size();
    const auto read = std::from_chars(limit.text.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end || number < 0) {
      return fault(limit.place, "the process limit is a number or -");
    }
    service_.maxproc = number;
  }
  service_.command = words_[7].text;
  if (service_.command.contains('/')) return fault(words_[7].place, "a command is a name without /");
  return true;
}

bool LineReader::read_endpoint() {
  std::string_view name = service_.name;
  auto place = words_[0].place;
  const auto colon = name.rfind(':');
  const auto port_text = colon == std::string_view::npos ? name : name.substr(colon + 1);
  if (colon != std::string_view::npos) {
    auto host = name.substr(0, colon);
    const bool opened = host.starts_with('[');
    if (opened != host.ends_with(']')) return fault(place, "an address in brackets is [address]:port");
    if (opened) host = host.substr(1, host.size() - 2);
    if (opened && host.empty()) return fault(place, "there is no address in the brackets");
    service_.host = host;
    place.column += place.column > 0 ? static_cast<unsigned>(colon + 1) : 0;
  }
  const auto port = port_number(port_text);
  if (!port) {
    return fault(place,
                 "\"" + std::string(port_text) +
                     "\" is neither a port from 1 to 65535 nor a service that we know (smtp, submission, "
                     "submissions, smtps, lmtp): write its number");
  }
  service_.port = *port;
  return true;
}

/// Of any parameter, also one that somebody made up.
bool is_parameter_name(std::string_view name) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return name.front() != '-' && std::ranges::all_of(name, is_part);
}

bool LineReader::read_override(const Word& word) {
  const std::string_view text = word.text;
  const auto equals = text.find('=');
  const auto name = trimmed(text.substr(0, equals));
  if (equals == std::string_view::npos || name.empty() ||
      name.find_first_of(kWhiteSpace) != std::string_view::npos) {
    return fault(word.place, "-o is followed by name=value without blanks, or by { name = value }");
  }
  if (!is_parameter_name(name)) {
    return fault(word.place, "\"" + std::string(name.substr(0, 100)) +
                                 "\" is no name of a parameter: that has letters, digits and _");
  }
  service_.overrides.push_back({.name = std::string(name),
                                .value = std::string(trimmed(text.substr(equals + 1))),
                                .origin = word.place.origin});
  return true;
}

bool LineReader::read_arguments() {
  for (std::size_t at = kFields; at < words_.size(); ++at) {
    const auto& word = words_[at];
    if (!word.braced && word.text == "-o") {
      if (at + 1 == words_.size()) return fault(word.place, "-o is followed by name=value");
      if (!read_override(words_[++at])) return false;
    } else if (!word.braced && word.text.starts_with("-o")) {
      auto value = std::string_view(word.text).substr(2);
      Word rest{.place = word.place};
      rest.place.column += rest.place.column > 0 ? 2 : 0;
      if (value.starts_with('{') && !strip_braces(value)) {
        return fault(rest.place, "nothing may stand behind the } that closes this {");
      }
      rest.text = value;
      if (!read_override(rest)) return false;
    } else if (word.text == "=" && !service_.overrides.empty()) {
      return fault(word.place, "blanks around = end the value: write -o name=value, or -o { name = value }");
    } else {
      service_.args.push_back(word.text);
    }
  }
  return true;
}

void LineReader::find_role() {
  const auto place = words_[7].place;
  const auto& command = service_.command;
  if (command == "postscreen" && service_.kind == Service::Kind::inet) {
    service_.role = Service::Role::smtp_server;
    tell(Diagnostic::Level::warning, place,
         "there is no postscreen: the SMTP server itself listens here, with the -o settings of the service "
         "\"smtpd pass\"");
    return;
  }
  const auto* found = std::ranges::find(kCommands, command, &Command::name);
  if (found != kCommands.end()) {
    service_.role = found->role;
    return;
  }
  service_.role = Service::Role::unsupported;
  if (service_.kind == Service::Kind::inet) {
    tell(Diagnostic::Level::warning, place,
         "the hub has no \"" + command + "\": nobody listens on " + service_.name);
  } else {
    tell(
        Diagnostic::Level::warning, place,
        "the hub does not run \"" + command + "\": mail for the transport " + service_.name + " is deferred");
  }
}

/// postscreen hands its clients to "smtpd pass": what that service overrides is what they shall meet.
void adopt_postscreen(std::vector<Service>& services) {
  const auto pass = std::ranges::find_if(services, [](const Service& service) {
    return service.kind == Service::Kind::pass && service.command == "smtpd";
  });
  if (pass == services.end()) return;
  for (auto& service : services) {
    if (service.command != "postscreen" || service.kind != Service::Kind::inet) continue;
    service.overrides = pass->overrides;
    service.chroot = pass->chroot;
  }
}

}  // namespace

Master Master::parse(std::string_view text, std::string_view file_name, SourceCatalogue& sources,
                     Diagnostics& diagnostics) {
  Master master;
  auto& services = master.services_;
  for (const auto& line : logical_lines(text, sources.add(file_name), diagnostics)) {
    auto service = LineReader(line, diagnostics).read();
    if (!service) continue;
    const auto earlier = std::ranges::find_if(services, [&](const Service& other) {
      return other.kind == service->kind && other.name == service->name;
    });
    if (earlier == services.end()) {
      services.push_back(std::move(*service));
      continue;
    }
    diagnostics.warning(service->origin,
                        "the service " + service->name + " is also in line " +
                            std::to_string(earlier->origin.line) + "; this later one counts",
                        service->name);
    *earlier = std::move(*service);
  }
  adopt_postscreen(services);
  return master;
}

const Service* Master::transport(std::string_view name) const {
  const auto found = std::ranges::find_if(services_, [&](const Service& service) {
    return service.name == name && service.kind != Service::Kind::inet &&
           service.kind != Service::Kind::pass && service.role != Service::Role::inner &&
           service.role != Service::Role::pickup && service.role != Service::Role::smtp_server &&
           service.role != Service::Role::pop3_server;
  });
  return found == services_.end() ? nullptr : &*found;
}

const Service* cleanup_of(const Master& master, const Main& main) {
  const auto& services = master.services();
  const auto found = std::ranges::find_if(services, [&](const Service& service) {
    return service.command == "cleanup" && service.name == main.text("cleanup_service_name").text;
  });
  return found == services.end() ? nullptr : &*found;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  const auto* found = std::ranges::find(kPorts, text, &Port::name);
  if (found != kPorts.end()) return found->number;
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

std::string_view text(Service::Kind kind) {
  return std::ranges::find(kKinds, kind, [](const auto& entry) { return entry.second; })->first;
}

std::string_view text(Service::Role role) {
  switch (role) {
    case Service::Role::smtp_server:
      return "SMTP server";
    case Service::Role::pop3_server:
      return "POP3 server";
    case Service::Role::smtp_client:
      return "SMTP client";
    case Service::Role::lmtp_client:
      return "LMTP client";
    case Service::Role::error:
      return "error";
    case Service::Role::discard:
      return "discard";
    case Service::Role::local:
      return "mailbox store";
    case Service::Role::pickup:
      return "local mail";
    case Service::Role::inner:
      return "part of the hub";
    case Service::Role::unsupported:
      return "unsupported";
  }
  return "?";
}

}  // namespace hikyaku::config
