#include <pwd.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/exit_code.h"
#include "cmd/sendmail_options.h"
#include "config/local_submission_settings.h"
#include "io/maildrop_file.h"
#include "io/system_clock.h"
#include "io/system_random.h"
#include "io/table_files.h"
#include "mail/header.h"
#include "mail/submitted_text.h"

namespace hikyaku::cmd {
namespace {

constexpr const char* kUsage =
    "usage: sendmail [OPTION]... [RECIPIENT]...\n"
    "       hikyaku sendmail [OPTION]... [RECIPIENT]...\n"
    "\n"
    "Hands a message on stdin to the hub: it is on the disk, in queue_directory/maildrop, when this ends "
    "with\n"
    "0, whether the hub runs or not. Takes the options of Postfix's sendmail; they end at the first "
    "recipient.\n"
    "\n"
    "  -t             recipients are those of To, Cc, Bcc (or of Resent-To and so on), and those named "
    "here\n"
    "  -i, -oi        a line of a dot alone does not end the message\n"
    "  -f, -r SENDER  the envelope sender; '' or '<>': the null sender\n"
    "  -F NAME        your full name, for a From header where there is none\n"
    "  -N EVENTS      never, or of success,failure,delay: what the sender is told of (RFC 3461)\n"
    "  -R full|hdrs   what of the message a notice holds       -V ID  the envelope id that it names\n"
    "  -B TYPE        7BIT or 8BITMIME     -G  mail of others: its headers are not completed as ours\n"
    "  -v             the sender is told of the delivery, too\n"
    "  -C DIR         the folder of main.cf and master.cf (or MAIL_CONFIG; default /etc/hikyaku)\n"
    "  -bp            lists the queue, as mailq          -q  tries all that waits; -qRDOMAIN, -qIID: that\n"
    "  -bi, -I        as newaliases: nothing is to be done, the hub reads alias files as they are\n"
    "  -bm (the default) -A -c -e -h -L -m -o -O -p -U -x -X   have no effect\n"
    "\n"
    "Exit codes: 0, 64 usage, 65 the message is too large or has no recipient, 69 it can't be handed in,\n"
    "75 try again later, 77 you may not, 78 main.cf\n"
    "\n"
    "Examples:\n"
    "  sendmail -t -i < message\n"
    "  printf 'Subject: hello\\n\\nhi\\n' | sendmail -f ann@a.example bob@b.example\n";

int tell(int code, const std::string& text) {
  std::fprintf(stderr, "sendmail: %s\n", escaped(text, 4000).c_str());
  return code;
}

/// Mail of somebody to somebody: all that the command is told of its surroundings.
struct Surroundings {
  std::shared_ptr<SourceCatalogue> sources = std::make_shared<SourceCatalogue>();
  io::SystemRandom random;
  io::TableFiles tables{*sources, random};
  policy::LocalSubmission who;
  std::filesystem::path maildrop;
  std::uint64_t size_limit = 0, needed_free = 0;
  std::size_t header_limit = 0;
};

int read_settings(const std::string& directory, Surroundings& made) {
  const auto texts = read_configuration(directory);
  if (!texts) return tell(EX_CONFIG, texts.error().text);
  config::Diagnostics diagnostics;
  const auto main = config::Main::parse(texts->main_text, texts->main_name, *made.sources, diagnostics,
                                        system_facts(directory));
  made.who = config::local_submission_settings(main, made.tables, diagnostics);
  if (diagnostics.failed()) {
    for (const auto& one : diagnostics.all()) {
      if (one.level == config::Diagnostic::Level::error)
        std::fputs(config::text(one, *made.sources).c_str(), stderr);
    }
    return EX_CONFIG;
  }
  made.maildrop = std::filesystem::path(main.text("queue_directory").text) / "maildrop";
  made.size_limit = static_cast<std::uint64_t>(main.size("message_size_limit"));
  made.needed_free =
      std::max(static_cast<std::uint64_t>(main.size("queue_minfree")), made.size_limit / 2 * 3);
  made.header_limit = static_cast<std::size_t>(main.size("hikyaku_header_section_limit"));
  return EX_OK;
}

/// "Ann O'Nymous" of "Ann O'Nymous,room 1,..."; & stands for the login name.
std::string full_name(const passwd& user) {
  if (const char* name = std::getenv("NAME"); name != nullptr && *name != '\0') return name;
  std::string out;
  for (const char* at = user.pw_gecos; at != nullptr && *at != '\0' && *at != ','; ++at) {
    if (*at != '&') {
      out += *at;
      continue;
    }
    std::string login = user.pw_name;
    if (!login.empty() && login.front() >= 'a' && login.front() <= 'z') login.front() -= 'a' - 'A';
    out += login;
  }
  return out;
}

/// The message on stdin.
class Input {
 public:
  explicit Input(bool dots_end_it)
      : text_(dots_end_it ? mail::SubmittedText::Dots::end_it : mail::SubmittedText::Dots::mean_nothing) {}

  /// Appends a piece of the message; false: there is no more. What follows a lone dot is read, as Postfix
  /// does, so that who writes is not ended by a signal.
  Result<bool> read(std::string& out) {
    piece_.resize(record::submission_file::kLargestPart);
    const auto got = ::read(STDIN_FILENO, piece_.data(), piece_.size());
    if (got < 0 && errno == EINTR) return true;
    if (got < 0) return fail(Fault::temporary, std::string("read the message: ") + std::strerror(errno));
    if (got == 0) {
      text_.finish(out);
      return false;
    }
    text_.feed(std::string_view(piece_).substr(0, static_cast<std::size_t>(got)), out);
    return !text_.ended();
  }

 private:
  mail::SubmittedText text_;
  std::string piece_;
};

/// Reads until the header section of `begin` is complete. False: the message ended.
Result<bool> read_header(Input& input, std::size_t limit, std::string& begin) {
  for (;;) {
    const bool ended = begin.starts_with('\n') || begin.starts_with("\r\n") ||
                       begin.find("\n\n") != std::string::npos || begin.find("\n\r\n") != std::string::npos;
    if (ended) return true;
    if (begin.size() > limit) {
      if (mail::find_header_end(begin).header <= limit) return true;
      return fail(Fault::corrupt, "the header section has more than hikyaku_header_section_limit octets");
    }
    const auto more = input.read(begin);
    if (!more) return std::unexpected(more.error());
    if (!*more) return false;
  }
}

Result<void> add_header_recipients(std::string_view message, std::vector<mail::Address>& to) {
  using Name = mail::HeaderName;
  std::vector<mail::Address> first, resent;
  bool is_resent = false;
  mail::HeaderFields fields(message.substr(0, mail::find_header_end(message).header));
  while (const auto field = fields.next()) {
    const auto name = mail::header_kind(field->name).name;
    const bool again = name == Name::resent_to || name == Name::resent_cc || name == Name::resent_bcc;
    if (!again && name != Name::to && name != Name::cc && name != Name::bcc) continue;
    is_resent = is_resent || again;
    if (auto added = append_addresses(field->value, again ? resent : first); !added) return added;
  }
  std::ranges::move(is_resent ? resent : first, std::back_inserter(to));
  return {};
}

/// Writes the file, whose `begin` was read.
int write_file(const record::Submission& submission, std::string begin, bool more, Input& input,
               const Surroundings& around, Random& random) {
  auto file = io::MaildropFile::create(around.maildrop, submission.at, random);
  if (!file) return tell_error("sendmail", file.error());
  record::SubmissionWriter writer;
  const auto head = writer.head(submission);
  if (!head) return tell(EX_DATAERR, head.error().text);
  auto written = file->write(*head);
  std::uint64_t octets = 0;
  std::string out;
  while (written) {
    octets += begin.size();
    if (around.size_limit != 0 && octets > around.size_limit)
      return tell(EX_DATAERR, "the message has more octets than message_size_limit, " +
                                  std::to_string(around.size_limit));
    out.clear();
    writer.content(begin, out);
    written = file->write(out);
    if (!written || !more) break;
    begin.clear();
    const auto read = input.read(begin);
    if (!read) return tell_error("sendmail", read.error());
    more = *read;
  }
  if (written) written = file->write(writer.end());
  if (written) written = file->finish();
  return written ? EX_OK : tell_error("sendmail", written.error());
}

int submit(SendmailOptions options, const std::string& directory) {
  Surroundings around;
  if (const int code = read_settings(directory, around); code != EX_OK) return code;
  auto& submission = options.submission;

  const auto number = std::to_string(::getuid());
  const passwd* user = ::getpwuid(::getuid());
  const std::string login = user == nullptr ? number : user->pw_name;
  const auto may = around.who.may_submit(login);
  if (!may) return tell_error("sendmail", may.error());
  if (!*may) return tell(EX_NOPERM, "user " + login + "(" + number + ") is not allowed to submit mail");
  auto sender =
      submission.sender ? Result<mail::Address>(*submission.sender) : mail::Address::from_internal(login);
  if (!sender) return tell_error("sendmail", sender.error());
  const auto as = around.who.may_send_as(user == nullptr ? "uid:" + number : login, *sender);
  if (!as) return tell_error("sendmail", as.error());
  if (!*as)
    return tell(EX_NOPERM, "user " + login + "(" + number + ") is not allowed to send as <" + sender->text() +
                               "> (local_login_sender_maps)");

  submission.full_name = options.full_name ? *options.full_name : user == nullptr ? "" : full_name(*user);
  submission.at = io::SystemClock().now();
  if (submission.recipients.empty() && !options.recipients_of_header)
    return tell(EX_USAGE, "name recipients, or say -t to have those of the message");

  struct statvfs disk {};
  if (::statvfs(around.maildrop.c_str(), &disk) == 0 &&
      static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < around.needed_free)
    return tell(EX_TEMPFAIL,
                "the disk of " + around.maildrop.string() + " has too little room (queue_minfree)");

  Input input(options.dots_end_it);
  std::string begin;
  bool more = true;
  if (options.recipients_of_header) {
    const auto read = read_header(input, around.header_limit, begin);
    if (!read) return tell_error("sendmail", read.error());
    more = *read;
    if (auto added = add_header_recipients(begin, submission.recipients); !added)
      return tell_error("sendmail", added.error());
    if (submission.recipients.empty())
      return tell(EX_DATAERR, "there is no recipient in the message's headers");
  }
  return write_file(submission, std::move(begin), more, input, around, around.random);
}

/// Those that have a recipient in the domain.
int ids_of_domain(const std::string& directory, const std::string& domain, std::vector<std::string>& ids) {
  const auto wanted = "@" + domain;
  return administer(directory, {{"command", "queue.list"}, {"limit", 0}}, [&](const nlohmann::json& row) {
    if (!row.contains("recipients")) return;
    for (const auto& recipient : row["recipients"]) {
      const auto address = recipient.value("address", std::string());
      const auto at = address.rfind('@');
      if (at == std::string::npos || !mail::same_header_name(std::string_view(address).substr(at), wanted))
        continue;
      ids.push_back(row["queue_id"].get<std::string>());
      return;
    }
  });
}

int flush(const SendmailOptions& options, const std::string& directory) {
  std::vector<std::string> ids;
  if (!options.flush_id.empty()) ids.push_back(options.flush_id);
  if (!options.flush_domain.empty()) {
    const int code = ids_of_domain(directory, options.flush_domain, ids);
    if (code != EX_OK || ids.empty()) return code;
  }
  const nlohmann::json request{{"command", "queue.retry"}, {"ids", ids}, {"all", ids.empty()}};
  return administer(directory, request, [](const nlohmann::json& /*row*/) {});
}

}  // namespace

int sendmail_command(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(kUsage, stdout);
    return EX_OK;
  }
  auto options = read_sendmail_options(argc, argv);
  if (!options) {
    tell(EX_USAGE, options.error().text);
    return tell(EX_USAGE, "sendmail --help tells the options");
  }
  for (const auto& warning : options->warnings) tell(EX_OK, "warning: " + warning);
  std::string directory = kDefaultDirectory;
  const char* environment = std::getenv("MAIL_CONFIG");
  if (environment != nullptr && *environment != '\0') directory = environment;
  if (options->directory) directory = *options->directory;
  if (directory.ends_with("/main.cf")) directory.resize(directory.size() - std::strlen("/main.cf"));
  // Set-gid, what it may write to is the folder that the machine's administrator named, and no other.
  const auto group = ::getgid();
  if (directory != kDefaultDirectory && ::getegid() != group && ::setresgid(group, group, group) != 0)
    return tell(EX_OSERR, std::string("give up the group of the program: ") + std::strerror(errno));

  using Mode = SendmailOptions::Mode;
  switch (options->mode) {
    case Mode::list: {
      std::string name = "mailq", option = "-C";
      std::vector<char*> words{name.data(), option.data(), directory.data(), nullptr};
      return mailq_command(3, words.data());
    }
    case Mode::flush:
      return flush(*options, directory);
    case Mode::aliases:
      return EX_OK;
    case Mode::submit:
      break;
  }
  return submit(*std::move(options), directory);
}

int newaliases_command(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--help") {
    std::puts(
        "usage: newaliases\n\nDoes nothing: the hub reads alias files as they are, and again when they "
        "change.");
    return EX_OK;
  }
  return EX_OK;
}

}  // namespace hikyaku::cmd
