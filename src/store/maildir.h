#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "record/keywords.h"
#include "record/message_record.h"

namespace hikyaku::store {

/// What the name of a file in a Maildir says of its message: "1795564100.M20P7.host,S=812:2,FSab".
struct MaildirName {
  std::optional<Time> received;  ///< the seconds that it begins with
  record::Flags flags;
  bool passed = false;  ///< P: passed on, the keyword $Forwarded
  std::string letters;  ///< of keywords: 'a' to 'z', as dovecot-keywords has them

  /// Never fails: what a name does not say is not set. Without the folder. Pure; O(size).
  static MaildirName parse(std::string_view file_name);
};

/// Dovecot's file dovecot-keywords: which keyword a letter in the names of a Maildir's files stands for, 'a'
/// to 'z' as "0 $Forwarded" to "25 ...". One to a folder.
class MaildirKeywords {
 public:
  /// Lines that it can't be are passed over. Pure; O(size).
  static MaildirKeywords parse(std::string_view file);
  std::string text() const;
  /// Empty: none.
  const std::string& word(char letter) const;
  /// The letter of a keyword, which gets one when it has none yet; nullopt: all 26 are given.
  std::optional<char> letter(std::string_view word);

 private:
  std::array<std::string, 26> words_;
};

}  // namespace hikyaku::store
