#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::store {

/// How parts of mailbox names stand as names of files and folders, where exports go to and imports come from.
/// What a name of a file can't have is "\2f": a backslash and two hexadecimal digits, as Dovecot's listescape
/// writes it.

/// A part of a mailbox name ("joe@example.org", "Archive") as the name of a folder. Never "", ".", "..", nor
/// one that stands for something else there: hidden, "cur", "new", "tmp", "mbox", or ending in ".eml" or
/// ".mbox". Pure; O(size).
std::string folder_file(std::string_view part);
/// The way back, also of names that others made. nullopt: no part of a mailbox name, hidden ones among them.
std::optional<std::string> part_of_folder_file(std::string_view file);

/// What is below an INBOX, "Archive/2026", as Maildir++ has it: ".Archive.2026", in modified UTF-7.
std::string maildir_folder(std::string_view below);
/// The way back; names that others made may be UTF-8. nullopt: it is none.
std::optional<std::string> below_of_maildir_folder(std::string_view file);

}  // namespace hikyaku::store
