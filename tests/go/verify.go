// Verifies what the bus publishes with the packages of the Go checksum database,
// golang.org/x/mod/sumdb/note and tlog, which share no code with it: a checkpoint, the proof of a
// record, the consistency of two checkpoints, the tiles, and the cosignature of a witness.
//
//	verify KEY WITNESS-KEY OLD-CHECKPOINT RECEIPT-PROOF LOG-DIRECTORY
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
	fmt.Println("go:", what)
}

// A checkpoint has the origin, the size and the root; what x/mod calls a tree has other first lines.
func checkpoint(text, origin string) tlog.Tree {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		log.Fatalf("no checkpoint of %s: %q", origin, text)
	}
	size := must(strconv.ParseInt(lines[1], 10, 64))
	root := must(base64.StdEncoding.DecodeString(lines[2]))
	var hash tlog.Hash
	if copy(hash[:], root) != len(hash) || len(root) != len(hash) {
		log.Fatal("no root")
	}
	return tlog.Tree{N: size, Hash: hash}
}

// The tiles as they lie in the directory of the log, in which the data of leaves is not.
type tiles struct{ dir string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		// tile/8/L/N of x/mod is tile/L/N here, whose height is always eight.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		full := tile
		full.W = 256
		bytes, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			path = strings.Replace(full.Path(), "tile/8/", "tile/", 1)
			bytes, err = os.ReadFile(filepath.Join(t.dir, path))
		}
		if err != nil {
			return nil, err
		}
		data = append(data, bytes[:tile.W*32])
	}
	return data, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// The line of a witness, by c2sp.org/tlog-cosignature; x/mod knows log keys alone.
func cosigned(vkey string, text []byte) error {
	parts := strings.SplitN(vkey, "+", 3)
	key := must(base64.StdEncoding.DecodeString(parts[2]))
	if len(key) != 33 || key[0] != 4 {
		return fmt.Errorf("no key of a witness")
	}
	id := sha256.Sum256([]byte(parts[0] + "\n" + string(key)))
	body := text[:bytes.LastIndex(text, []byte("\n\n"))+1]
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Split(line, " ")
		if len(fields) != 3 || fields[0] != "\u2014" || fields[1] != parts[0] {
			continue
		}
		signature := must(base64.StdEncoding.DecodeString(fields[2]))
		if !bytes.Equal(signature[:4], id[:4]) {
			continue
		}
		time := binary.BigEndian.Uint64(signature[4:12])
		message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, body)
		if !ed25519.Verify(key[1:], []byte(message), signature[12:]) {
			return fmt.Errorf("the cosignature does not verify")
		}
		return nil
	}
	return fmt.Errorf("no cosignature")
}

func main() {
	log.SetFlags(0)
	key, witness, oldFile, proofFile, dir := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	verifiers := note.VerifierList(must(note.NewVerifier(key)))
	origin := strings.SplitN(key, "+", 2)[0]

	older := must(note.Open(must(os.ReadFile(oldFile)), verifiers))
	old := checkpoint(older.Text, origin)
	check("a checkpoint verifies", nil)

	proof := must(os.ReadFile(proofFile))
	head, text, _ := strings.Cut(string(proof), "\n\n")
	opened := must(note.Open([]byte(text), verifiers))
	tree := checkpoint(opened.Text, origin)
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("no proof")
	}
	record := must(base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra ")))
	index := must(strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64))
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		var hash tlog.Hash
		copy(hash[:], must(base64.StdEncoding.DecodeString(line)))
		path = append(path, hash)
	}
	leaf := tlog.RecordHash(record)
	check("a record is included", tlog.CheckRecord(path, tree.N, tree.Hash, index, leaf))
	check("a witness cosigned that checkpoint", cosigned(witness, []byte(text)))
	record[0] ^= 1
	if tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(record)) == nil {
		log.Fatal("another record is included as well")
	}

	// From the tiles alone: the reader checks each against the root.
	reader := tlog.TileHashReader(tree, tiles{dir})
	prefix := must(tlog.ProveTree(tree.N, old.N, reader))
	check("the tiles prove that the newer tree continues the older",
		tlog.CheckTree(prefix, tree.N, tree.Hash, old.N, old.Hash))
	same := must(tlog.ProveRecord(tree.N, index, reader))
	if len(same) != len(path) {
		log.Fatal("the tiles lead to another proof")
	}
	for at := range same {
		if same[at] != path[at] {
			log.Fatal("the tiles lead to another proof")
		}
	}
	check("the tiles lead to the same proof of the record", nil)
	if old.N >= tree.N {
		log.Fatal("both checkpoints are of the same tree; nothing was shown of consistency")
	}
}
