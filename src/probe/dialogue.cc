#include "probe/dialogue.h"

#include <utility>

namespace hikyaku::probe {

std::unique_ptr<Dialogue> Dialogue::make(Speech speech) {
  switch (speech) {
    case Speech::smtp:
    case Speech::lmtp:
    case Speech::ftp:
      return make_code_dialogue(speech);
    case Speech::imap:
      return make_imap_dialogue();
    case Speech::pop3:
      return make_pop3_dialogue();
    case Speech::sieve:
      return make_sieve_dialogue();
    case Speech::http:
      return make_http_dialogue();
    case Speech::ldap:
      break;
  }
  return nullptr;
}

void Dialogue::add_line(std::string_view text) {
  begun_.octets += text.size();
  if (begun_.lines.size() < Answer::kMostLines && begun_.octets <= Answer::kMostOctets)
    begun_.lines.emplace_back(text);
}

void Dialogue::complete(Answer::Verdict verdict, int code) {
  begun_.verdict = verdict;
  begun_.code = code;
  last_ = std::exchange(begun_, {});
  ++answers_;
}

}  // namespace hikyaku::probe
