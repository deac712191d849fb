#include "cmd/sendmail_options.h"

#include <unistd.h>

#include "base/escape.h"
#include "mail/address_list.h"
#include "mail/parameters_xtext.h"
#include "table/fold.h"

namespace hikyaku::cmd {
namespace {

using Mode = SendmailOptions::Mode;

std::unexpected<Error> refuse(std::string text) { return fail(Fault::malformed, std::move(text)); }

/// -b
Result<void> set_mode(std::string_view what, SendmailOptions& options) {
  if (what == "m") return {};
  if (what == "p") {
    options.mode = Mode::list;
  } else if (what == "i") {
    options.mode = Mode::aliases;
  } else if (what == "d" || what == "l") {
    return refuse("-b" + std::string(what) + ": the hub is started by `hikyaku serve`");
  } else if (what == "s") {
    return refuse("-bs: talk SMTP to the hub's own port instead (smtpd in master.cf)");
  } else if (what == "v") {
    return refuse("-bv: `hikyaku explain` tells what would become of mail for a recipient");
  } else {
    return refuse("unsupported: -b" + escaped(what));
  }
  return {};
}

/// -q
Result<void> set_flush(std::string_view what, SendmailOptions& options) {
  if (!what.empty() && what.front() >= '0' && what.front() <= '9') {
    return refuse("-q" + escaped(what) + ": how often mail is tried is set by queue_run_delay");
  }
  options.mode = Mode::flush;
  if (what.empty()) return {};
  auto& into = what.front() == 'R' ? options.flush_domain : options.flush_id;
  if ((what.front() != 'R' && what.front() != 'I') || what.size() < 2)
    return refuse("-q needs nothing, Rdomain or Iqueue-id behind it");
  into = what.substr(1);
  return {};
}

Result<void> set_body(std::string_view what, SendmailOptions& options) {
  auto& body = options.submission.body;
  if (table::equal_ascii_nocase(what, "7BIT")) {
    body = mail::BodyType::seven_bit;
  } else if (table::equal_ascii_nocase(what, "8BITMIME")) {
    body = mail::BodyType::eight_bit_mime;
  } else {
    return refuse("-B needs 8BITMIME or 7BIT");
  }
  return {};
}

void set_notify(std::string_view what, SendmailOptions& options) {
  const auto parsed = mail::RecipientParameters::parse("NOTIFY=" + std::string(what));
  if (parsed) {
    options.submission.notify = parsed->notify;
  } else {
    options.warnings.push_back("bad -N option value " + escaped(what) + " -- ignored");
  }
}

void set_return(std::string_view what, SendmailOptions& options) {
  if (table::equal_ascii_nocase(what, "full")) {
    options.submission.ret = mail::DsnReturn::full;
  } else if (table::equal_ascii_nocase(what, "hdrs")) {
    options.submission.ret = mail::DsnReturn::headers;
  } else {
    options.warnings.push_back("bad -R option value " + escaped(what) + " -- ignored");
  }
}

Result<void> set_envelope_id(std::string_view what, SendmailOptions& options) {
  constexpr std::size_t kLongest = 100;  // RFC 3461 s. 4.4
  if (mail::xtext_encode(what).size() > kLongest) return refuse("-V: an envelope id has at most 100 octets");
  options.submission.envid = what;
  return {};
}

Result<void> set_sender(std::string_view what, SendmailOptions& options) {
  std::vector<mail::Address> addresses;
  if (auto read = append_addresses(what, addresses); !read) return read;
  if (addresses.size() > 1) return refuse("-f: one sender, or none for mail that nobody is told of");
  options.submission.sender = addresses.empty() ? mail::Address{} : std::move(addresses.front());
  return {};
}

Result<void> take_option(int option, std::string_view what, SendmailOptions& options) {
  switch (option) {
    case 'b':
      return set_mode(what, options);
    case 'q':
      return set_flush(what, options);
    case 'B':
      return set_body(what, options);
    case 'V':
      return set_envelope_id(what, options);
    case 'f':
    case 'r':
      return set_sender(what, options);
    case 'N':
      set_notify(what, options);
      break;
    case 'R':
      set_return(what, options);
      break;
    case 'C':
      options.directory = what;
      break;
    case 'F':
      options.full_name = what;
      break;
    case 'G':
      options.submission.from_gateway = true;
      break;
    case 'I':
      options.mode = Mode::aliases;
      break;
    case 'i':
      options.dots_end_it = false;
      break;
    case 'o':
      if (what == "i") options.dots_end_it = false;
      break;
    case 't':
      options.recipients_of_header = true;
      break;
    case 'v':
      // A report of the delivery by mail, as Postfix sends it.
      if (options.submission.notify.unset())
        options.submission.notify.bits =
            mail::Notify::kSuccess | mail::Notify::kFailure | mail::Notify::kDelay;
      break;
    case 'X':
      if (what.starts_with('V')) return refuse("-XV: variable envelope return paths are not supported");
      break;
    case 'n':
      return refuse("-n option not supported");
    default:
      break;  // Sendmail's, which Postfix ignores as well
  }
  return {};
}

}  // namespace

Result<void> append_addresses(std::string_view list, std::vector<mail::Address>& to) {
  const auto addresses = mail::AddressList::parse(list);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    auto address = mail::Address::from_internal(addresses.internal(i));
    if (!address) return std::unexpected(std::move(address.error()));
    to.push_back(*std::move(address));
  }
  return {};
}

Result<SendmailOptions> read_sendmail_options(int argc, char** argv) {
  constexpr const char* kOptions = "+:A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q::tvx";
  SendmailOptions options;
  int option = 0;
  while ((option = ::getopt(argc, argv, kOptions)) != -1) {
    if (option == ':') return refuse(std::string("option -") + static_cast<char>(optopt) + " needs a value");
    if (option == '?')
      return refuse("there is no option -" + escaped(std::string(1, static_cast<char>(optopt))));
    const std::string_view what = optarg == nullptr ? "" : optarg;
    if (auto taken = take_option(option, what, options); !taken) return std::unexpected(taken.error());
  }
  auto& recipients = options.submission.recipients;
  for (int i = optind; i < argc; ++i) {
    const auto before = recipients.size();
    if (auto added = append_addresses(argv[i], recipients); !added) return std::unexpected(added.error());
    if (recipients.size() == before) recipients.emplace_back();  // "": empty_address_recipient
  }
  return options;
}

}  // namespace hikyaku::cmd
