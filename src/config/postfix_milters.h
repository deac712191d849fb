#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/files.h"

namespace hikyaku::config {

/// Where the filters of a Postfix listen. Its daemons look for a relative path below queue_directory, and
/// those that master.cf has `chroot` for an absolute one too: a hub with another queue_directory finds them
/// by whole paths alone. Hands out the lines of main.cf and master.cf with such paths in smtpd_milters and
/// non_smtpd_milters, and in what these refer to; chroot is n then for the services that have them. Pure.
class PostfixMilters {
 public:
  explicit PostfixMilters(const FileTexts& texts);

  struct Line {
    std::string text;
    std::string why;  ///< empty: it is as it was
  };
  /// The lines of a file that say something, in order, with their ends; `number` counts all, from 1.
  Line main_line(std::string_view line, bool continues);
  Line master_line(std::string_view line, bool continues, std::size_t number);

 private:
  /// Who reads a path: daemons whose root is that of the machine, and those whose root is queue_directory.
  struct Readers {
    bool whole = false, below = false;
  };
  using Names = std::map<std::string, Readers, std::less<>>;

  void collect(const Main& main, const Service* service, std::string_view setting, bool chrooted);
  void collect_smtpd(bool old);
  void collect_cleanup(bool old);
  void begin_word(std::string_view word);
  std::string with_sockets(std::string_view text, Readers readers, std::string& why) const;
  std::optional<std::string> whole_path(std::string_view path, Readers readers) const;

  SourceCatalogue sources_;
  Files files_;
  std::string queue_;
  Names in_main_;
  std::map<std::size_t, Names> in_master_;  // by the line that the service begins on
  std::set<std::size_t> unchrooted_;

  // The line that is continued.
  std::optional<Readers> readers_;
  std::size_t service_ = 0, words_ = 0, depth_ = 0;
  bool in_word_ = false, override_next_ = false;
};

}  // namespace hikyaku::config
