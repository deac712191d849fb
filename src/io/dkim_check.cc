#include "io/dkim_check.h"

#define _Bool bool  // the library's header is of C
#include <opendkim/dkim.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "io/thread_confinement.h"
#include "table/fold.h"

namespace hikyaku::io {
namespace {

using Result = mail::DkimVerdict::Result;

/// As milter-greylist 4.6.4 names them.
Result result_of(DKIM_STAT status) {
  switch (status) {
    case DKIM_STAT_OK:
      return Result::pass;
    case DKIM_STAT_BADSIG:
    case DKIM_STAT_REVOKED:
    case DKIM_STAT_CBREJECT:
      return Result::fail;
    case DKIM_STAT_NOKEY:
    case DKIM_STAT_SYNTAX:
    case DKIM_STAT_INVALID:
    case DKIM_STAT_NOTIMPLEMENT:
    case DKIM_STAT_CBERROR:
    case DKIM_STAT_CBINVALID:
      return Result::permerror;
    case DKIM_STAT_NOSIG:
      return Result::none;
    case DKIM_STAT_CANTVRFY:
      return Result::neutral;
    default:
      return Result::temperror;
  }
}

std::string_view text(const unsigned char* word) {
  return word == nullptr ? std::string_view() : reinterpret_cast<const char*>(word);
}

DnsQuestion key_of(DKIM_SIGINFO* signature) {
  std::string name(text(dkim_sig_getselector(signature)));
  name.append("._domainkey.").append(text(dkim_sig_getdomain(signature)));
  return {std::move(name), DnsQuestion::Type::txt};
}

}  // namespace

struct DkimCheck::State {
  State();
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Whether what has come can still be verified.
  bool goes_on() const { return message != nullptr && !too_large && status == DKIM_STAT_OK; }
  void end_header();
  DKIM_CBSTAT key(DKIM_SIGINFO* signature, unsigned char* room, std::size_t size) const;
  static DKIM_CBSTAT look_up(DKIM* message, DKIM_SIGINFO* signature, unsigned char* room, std::size_t size);

  DKIM_LIB* library;
  DKIM* message = nullptr;
  DKIM_STAT status = DKIM_STAT_OK;
  bool header_ended = false, too_large = false;
  std::size_t octets = 0, signatures = 0;
  const DnsFacts* answers = nullptr;
};

DkimCheck::State::State() : library(dkim_init(nullptr, nullptr)) {
  if (library == nullptr) return;
  // Keys are wanted at the end alone, when their answers are there.
  unsigned flags = DKIM_LIBFLAGS_DELAYSIGPROC;
  dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof flags);
  dkim_set_key_lookup(library, look_up);
  message = dkim_verify(library, reinterpret_cast<const unsigned char*>("message"), nullptr, &status);
  if (message != nullptr) dkim_set_user_context(message, this);
}

DkimCheck::State::~State() {
  if (message != nullptr) dkim_free(message);
  if (library != nullptr) dkim_close(library);
}

void DkimCheck::State::end_header() {
  if (std::exchange(header_ended, true) || !goes_on()) return;
  status = dkim_eoh(message);
}

DKIM_CBSTAT DkimCheck::State::look_up(DKIM* message, DKIM_SIGINFO* signature, unsigned char* room,
                                      std::size_t size) {
  return static_cast<const State*>(dkim_get_user_context(message))->key(signature, room, size);
}

/// What is set on the signature is what the library's own lookups would set; it decides on the result.
DKIM_CBSTAT DkimCheck::State::key(DKIM_SIGINFO* signature, unsigned char* room, std::size_t size) const {
  const auto* const answer = answers->find(key_of(signature));
  if (answer == nullptr || answer->status == DnsAnswer::Status::temporary) {
    dkim_sig_seterror(signature, DKIM_SIGERROR_KEYFAIL);
    return DKIM_CBSTAT_TRYAGAIN;
  }
  if (answer->status != DnsAnswer::Status::found || answer->records.empty()) return DKIM_CBSTAT_NOTFOUND;
  const auto& record = answer->records.front();
  const bool fits = record.size() < size && record.find('\0') == std::string::npos;
  if (answer->records.size() > 1 || !fits) {
    dkim_sig_seterror(signature, fits ? DKIM_SIGERROR_MULTIREPLY : DKIM_SIGERROR_DNSSYNTAX);
    return DKIM_CBSTAT_ERROR;
  }
  std::memcpy(room, record.c_str(), record.size() + 1);
  return DKIM_CBSTAT_CONTINUE;
}

// libopendkim reads /etc/resolv.conf for each of its handles, though it asks nobody here.
DkimCheck::DkimCheck() : state_(by_opener([] { return std::make_unique<State>(); })) {}
DkimCheck::~DkimCheck() = default;

void DkimCheck::header(std::string_view name, std::string_view value) {
  auto& state = *state_;
  if (!state.goes_on() || state.header_ended) return;
  if (table::equal_ascii_nocase(name, DKIM_SIGNHEADER) && ++state.signatures > kMostSignatures) return;
  std::string line(name);
  line += ':';
  for (const char c : value) {
    if (c == '\n' && !line.ends_with('\r')) line += '\r';
    line += c;
  }
  state.octets += line.size();
  if (state.octets > kHeaderLimit) state.too_large = true;
  if (state.too_large || line.find('\0') != std::string::npos) return;
  // One that is malformed can't have been signed; the others may still be as they were.
  dkim_header(state.message, reinterpret_cast<unsigned char*>(line.data()), line.size());
}

void DkimCheck::body(std::string_view octets) {
  auto& state = *state_;
  state.end_header();
  if (!state.goes_on() || octets.empty()) return;
  // It is read alone.
  auto* const begin = reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data()));
  state.status = dkim_body(state.message, begin, octets.size());
}

std::vector<DnsQuestion> DkimCheck::keys() {
  auto& state = *state_;
  state.end_header();
  std::vector<DnsQuestion> out;
  DKIM_SIGINFO** all = nullptr;
  int count = 0;
  if (!state.goes_on() || dkim_getsiglist(state.message, &all, &count) != DKIM_STAT_OK) return out;
  for (int i = 0; i < count; ++i) {
    if (dkim_sig_geterror(all[i]) != DKIM_SIGERROR_UNKNOWN) continue;  // it needs none any more
    auto key = key_of(all[i]);
    if (std::find(out.begin(), out.end(), key) == out.end()) out.push_back(std::move(key));
  }
  return out;
}

mail::DkimVerdict DkimCheck::finish(const DnsFacts& answers) {
  auto& state = *state_;
  state.end_header();
  if (state.message == nullptr || state.too_large) return {Result::temperror, {}};
  if (state.goes_on()) {
    state.answers = &answers;
    state.status = dkim_eom(state.message, nullptr);
  }
  mail::DkimVerdict verdict{result_of(state.status), {}};
  if (auto* const signature = dkim_getsignature(state.message))
    verdict.domain = text(dkim_sig_getdomain(signature));
  return verdict;
}

}  // namespace hikyaku::io
