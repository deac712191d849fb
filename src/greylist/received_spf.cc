#include "greylist/received_spf.h"

#include <algorithm>
#include <cstddef>

#include "base/octet_set.h"

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kLongestValue = 255;

/// RFC 5322 s. 3.2.3, with the dot.
constexpr auto kAtom =
    OctetSet(".!#$%&'*+-/=?^_`{|}~").with_range('a', 'z').with_range('A', 'Z').with_range('0', '9');

bool is_dot_atom(std::string_view text) {
  return !text.empty() && !text.starts_with('.') && !text.ends_with('.') && !text.contains("..") &&
         std::all_of(text.begin(), text.end(), [](char c) { return kAtom.has(c); });
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kLongestValue));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

/// A value as a dot-atom or a quoted string.
std::string word(std::string_view text) {
  const auto plain = printable(text);
  if (is_dot_atom(plain)) return plain;
  std::string out = "\"";
  for (const char c : plain) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

std::string in_comment(std::string_view text) {
  auto out = printable(text);
  for (char& c : out) {
    if (c == '(' || c == ')' || c == '\\') c = '?';
  }
  return out;
}

std::string said_of(const SpfResult& result, const std::string& sender, const std::string& client) {
  const auto domain = "domain of " + sender;
  switch (result.status) {
    case SpfStatus::pass:
      return domain + " permits " + client;
    case SpfStatus::fail:
      return domain + " does not permit " + client;
    case SpfStatus::softfail:
      return domain + " advises against " + client;
    case SpfStatus::neutral:
      return domain + " neither permits nor denies " + client;
    case SpfStatus::none:
      return domain + " has no SPF record";
    case SpfStatus::temperror:
      return domain + " could not be checked for now";
    case SpfStatus::permerror:
      return domain + " can not be checked";
  }
  return domain;
}

bool is_answer(SpfStatus status) {
  return status != SpfStatus::none && status != SpfStatus::temperror && status != SpfStatus::permerror;
}

}  // namespace

std::string received_spf(const SpfRequest& request, const SpfResult& result, std::string_view fold) {
  const auto client = request.client.text();
  const auto receiver = request.receiver.empty() ? std::string("unknown") : request.receiver;
  const bool of_helo = request.sender.empty();
  std::string out(text(result.status));
  out += " (" + in_comment(receiver) + ": " +
         said_of(result, in_comment(of_helo ? request.helo : request.sender), client) + ")";
  const auto put = [&](std::string_view key, std::string_view value, std::string_view end = ";") {
    out.append(fold).append(key).append("=").append(word(value)).append(end);
  };
  put("client-ip", client);
  put("envelope-from", request.sender);
  put("helo", request.helo);
  put("receiver", receiver);
  if (is_answer(result.status)) {
    put("mechanism", result.mechanism);
  } else if (!result.problem.empty()) {
    put("problem", result.problem);
  }
  put("identity", of_helo ? "helo" : "mailfrom", "");
  return out;
}

}  // namespace hikyaku::greylist
