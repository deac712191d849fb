#pragma once
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "base/plain_value.h"
#include "config/diagnostic.h"
#include "config/multiplexer_settings.h"

// milter-manager.conf is Ruby. What runs it is not known here (serve/milter_manager_file.h does it): the
// language is a program of Ruby, and what a configuration says in it comes back as rows of data.
namespace hikyaku::config {

/// Defines `Hikyaku.configure(path, names, built_in_files)`, which reads a configuration and gives its rows,
/// and `Hikyaku.decide(block, facts, shelf, matched)`, which asks a block of it. Asks its host: "load"(path
/// or pattern) for [[name, text], ...], "read"(path), "nearest"(word, words), "file"(what, path),
/// "environment"(name), "folder"(), "stress"() for the sessions from which on it is stress, "log"(level,
/// text).
std::string_view milter_manager_language();

/// A setting, for the manual page.
struct MilterManagerWord {
  std::string_view object;    ///< "manager", "milter"
  std::string_view name;      ///< "connection_spec"
  std::string_view fallback;  ///< its default as text; empty: nil
  std::string_view about;     ///< what it is for; of one without effect: why
  bool counts = true;         ///< false: without effect here
  bool call = false;          ///< a method, and no setting
};
/// All that there are, by object.
std::vector<MilterManagerWord> milter_manager_words();

/// The second and third argument of configure(): the settings that there are, with their defaults, by
/// section; and the names of the files in applicable-conditions/ whose conditions are built in.
PlainValue milter_manager_names();
PlainValue::List built_in_condition_files();

/// The settings that the rows say. Files are added to `sources`; faults go to `diagnostics`, and a faulty
/// value leaves the default. Do not run on the result when diagnostics.failed(). Reads rows of any shape.
MultiplexerSettings milter_manager_settings(const PlainValue& rows, SourceCatalogue& sources,
                                            Diagnostics& diagnostics, const Surroundings& surroundings = {});

}  // namespace hikyaku::config
